"""What a push to Apple costs its sender: our connection against aioapns, over TLS, on uvloop."""

import argparse
import asyncio
import contextlib
import json
import logging
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from push.apns import ApnsSender
from push.apns_words import ProviderToken
from push.sender import ApnsPush, Verdict
from tests.push.fake_apns import APP, KEY_ID, TEAM_ID, FakeApns

ROUNDS = 7
PAYLOAD = {
    "aps": {},
    "call": "8b1c3a52-7c4e-4f0e-9c1d-0a2b3c4d5e6f",
    "account": "5f0c1d52-11aa-4c3b-8f4e-2b1a0c9d8e7f",
    "from": "alice@wsphone.local",
    "name": "Alice Example",
    "ring_seconds": 45,
    "expires_at": 1_800_000_000,
}

Send = Callable[[], Awaitable[None]]


async def serve(folder: Path) -> None:
    """Be Apple, in a process of its own, until standard input ends."""
    async with FakeApns(folder) as fake:
        where = {"url": fake.url, "ca_file": fake.ca_file, "key": fake.pem.decode()}
        sys.stdout.write(json.dumps(where) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.asynccontextmanager
async def apple() -> AsyncIterator[dict[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.push_apns", "--serve", folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert server.stdin is not None and server.stdout is not None
        try:
            yield json.loads(await server.stdout.readline())
        finally:
            server.stdin.close()
            await server.wait()


def ours(apple: dict[str, str]) -> tuple[ApnsSender, Send]:
    token = ProviderToken(apple["key"].encode(), key_id=KEY_ID, team_id=TEAM_ID)
    apns = ApnsSender(token=token, url=apple["url"], ca_file=apple["ca_file"])

    async def send() -> None:
        push = ApnsPush(
            id=str(uuid.uuid4()),
            token=uuid.uuid4().hex * 2,
            topic=f"{APP}.voip",
            push_type="voip",
            priority=10,
            expiration=0,
            payload=json.dumps(PAYLOAD).encode(),
        )
        outcome = await apns.send(push, seconds=30)
        assert outcome.verdict is Verdict.ACCEPTED, outcome

    return apns, send


def theirs(apple: dict[str, str]) -> tuple[Any, Send]:
    import ssl
    from urllib.parse import urlsplit

    from aioapns import NotificationRequest, PushType
    from aioapns.connection import APNsKeyConnectionPool, APNsTLSClientProtocol

    where = urlsplit(apple["url"])

    class Protocol(APNsTLSClientProtocol):
        APNS_SERVER = where.hostname or ""
        APNS_PORT = where.port or 443

    pool = APNsKeyConnectionPool(
        apple["key"],
        KEY_ID,
        TEAM_ID,
        f"{APP}.voip",
        max_connections=1,
        ssl_context=ssl.create_default_context(cafile=apple["ca_file"]),
    )
    pool.protocol_class = Protocol

    async def send() -> None:
        request = NotificationRequest(
            device_token=uuid.uuid4().hex * 2,
            message=PAYLOAD,
            notification_id=str(uuid.uuid4()),
            time_to_live=30,
            priority=10,
            push_type=PushType.VOIP,
        )
        result = await pool.send_notification(request)
        assert result.is_successful, result.description

    return pool, send


async def cpu_seconds(send: Send, count: int, in_flight: int) -> float:
    """The sender's CPU time of one push, with so many in flight."""

    async def sender() -> None:
        for _ in range(count // in_flight):
            await send()

    start = time.process_time()
    await asyncio.gather(*(sender() for _ in range(in_flight)))
    return (time.process_time() - start) / count


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


async def measure(count: int, in_flight: int) -> None:
    async with apple() as where:
        apns, send = ours(where)
        await apns.warm()
        await cpu_seconds(send, count, in_flight)
        memory = resident_megabytes()
        pool, other = theirs(where)
        await cpu_seconds(other, count, in_flight)
        # In turn, so that both have the machine's good and bad moments.
        pairs = [
            (await cpu_seconds(other, count, in_flight), await cpu_seconds(send, count, in_flight))
            for _ in range(ROUNDS)
        ]
        await apns.aclose()
        pool.close()
    their, mine = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(one / two for two, one in pairs)
    sys.stdout.write(
        f"{in_flight} in flight, CPU of the sender, median of {ROUNDS} rounds of {count}\n"
        f"{'':12}{'us/push':>10}{'pushes/s':>10}\n"
        f"{'aioapns':12}{their * 1e6:10.0f}{1 / their:10.0f}\n"
        f"{'WSPhone':12}{mine * 1e6:10.0f}{1 / mine:10.0f}\n"
        f"{'ratio':12}{ratio:10.2f}\n"
        f"memory of the process after {count} pushes: {memory:.0f} MB\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.push_apns", description=__doc__)
    parser.add_argument("--count", type=int, default=3_000)
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        uvloop.run(serve(options.serve))
    else:
        logging.getLogger("aioapns").setLevel(logging.ERROR)
        uvloop.run(measure(options.count, options.in_flight))


if __name__ == "__main__":
    main()
