"""Pushes to Apple a second on one core: our connection against aioapns."""

import argparse
import asyncio
import json
import multiprocessing
import ssl
import statistics
import sys
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from aioapns import NotificationRequest, PushType
from aioapns.connection import APNsKeyConnectionPool, APNsTLSClientProtocol

from bench.push_wire import Figure, memory_mb, rate, table
from push.apns import ApnsSender
from push.apns_words import ProviderToken
from push.sender import ApnsPush, Outcome
from tests.push.fake_apns import APP, KEY_ID, TEAM_ID, FakeApns

GOAL = 3500
ROUNDS = 5
SECONDS = 30.0
PAYLOAD = {
    "aps": {},
    "call": "8b1c3a52-7c4e-4f0e-9c1d-0a2b3c4d5e6f",
    "account": "5f0c1d52-11aa-4c3b-8f4e-2b1a0c9d8e7f",
    "from_address": "bob@phones.test",
    "ring_seconds": 45,
}

Send = Callable[[], Awaitable[Outcome | None]]


@dataclass(frozen=True, slots=True)
class Apple:
    port: int
    ca_file: Path
    pem: bytes


class Protocol(APNsTLSClientProtocol):
    """aioapns takes an address by subclass alone; the port is set when it is known."""

    APNS_SERVER = "127.0.0.1"


@contextmanager
def apple() -> Iterator[Apple]:
    """The fake Apple in another process, so that only the sender's CPU is counted."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        process = context.Process(target=_serve, args=(Path(folder), theirs), daemon=True)
        process.start()
        try:
            yield ours.recv()
        finally:
            ours.close()
            process.terminate()
            process.join()


def _serve(folder: Path, pipe: Connection) -> None:
    async def run() -> None:
        async with FakeApns(folder) as fake:
            # aioapns turns in circles while there is one stream for many pushes.
            fake.rules.first_streams = fake.rules.streams
            pipe.send(Apple(fake.port, fake.ca_file, fake.pem))
            await asyncio.Event().wait()

    uvloop.run(run())


async def ours(target: Apple, pushes: int) -> Figure:
    token = ProviderToken(target.pem, key_id=KEY_ID, team_id=TEAM_ID)
    url = f"https://127.0.0.1:{target.port}"
    sender = ApnsSender(token=token, url=url, ca_file=target.ca_file)

    async def send() -> Outcome:
        push = ApnsPush(
            id=str(uuid.uuid4()),
            token=uuid.uuid4().hex * 2,
            topic=f"{APP}.voip",
            push_type="voip",
            priority=10,
            expiration=0,
            payload=json.dumps(PAYLOAD).encode(),
        )
        return await sender.send(push, seconds=SECONDS)

    figure = await rate("WSPhone", send, pushes)
    await sender.aclose()
    return figure


async def theirs(target: Apple, pushes: int) -> Figure:
    Protocol.APNS_PORT = target.port
    pool = APNsKeyConnectionPool(
        *(target.pem.decode(), KEY_ID, TEAM_ID, f"{APP}.voip"),
        max_connections=1,
        ssl_context=ssl.create_default_context(cafile=str(target.ca_file)),
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
        if not result.is_successful:
            raise RuntimeError(f"aioapns: {result.description}")

    figure = await rate("aioapns", send, pushes)
    pool.close()
    return figure


def median(figures: list[Figure]) -> Figure:
    return Figure(figures[0].name, statistics.median(figure.a_second for figure in figures))


def report(pushes: int) -> list[str]:
    """Lines to print; the memory is that of a process which so far only sent with ours."""
    with apple() as target:
        mine = [uvloop.run(ours(target, pushes))]
        memory = memory_mb()
        other = [uvloop.run(theirs(target, pushes))]
        # In turn, so that both have the machine's good and bad moments.
        for _ in range(ROUNDS - 1):
            mine.append(uvloop.run(ours(target, pushes)))
            other.append(uvloop.run(theirs(target, pushes)))
    return ["APNs", *table(median(mine), median(other), GOAL), f"{memory:.0f} MB"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.push_apns", description=__doc__)
    parser.add_argument("--pushes", type=int, default=3000)
    sys.stdout.write("\n".join([*report(parser.parse_args().pushes), ""]))


if __name__ == "__main__":
    main()
