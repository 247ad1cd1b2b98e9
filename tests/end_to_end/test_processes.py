"""The server as two processes that Redis joins: one for calls, one for pushes."""

import asyncio
import time
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client.parser import text_string_to_metric_families

from signaling.pushing import pushing
from signaling.shared.config import load
from signaling.shared.keys import keyring_of
from signaling.shared.push import PushReport, Step
from tests.end_to_end.ports import take_ports
from tests.end_to_end.server import Server, write_configuration, wsphone
from tests.push.jobs import IPHONE, job
from tests.redis_server import RedisServer

MAX_PUSH_KILOBYTES = 120_000


def joined_configuration(folder: Path, redis: RedisServer) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "vapid.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    ports = take_ports()
    path = write_configuration(folder, ports)
    path.write_text(
        f'secret_key = "{"k" * 32}"\n{path.read_text()}'
        f'[redis]\nurl = "{redis.url}"\n[push]\nmetrics_port = {ports.relay}\n'
        '[push.webpush]\nkey_file = "vapid.pem"\n'
    )
    return path


async def figure(http: aiohttp.ClientSession, port: int, name: str) -> float | None:
    """The sum of a figure over its labels; None where it is not told of."""
    async with http.get(f"http://127.0.0.1:{port}/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    samples = [each.value for family in families for each in family.samples if each.name == name]
    return sum(samples) if samples else None


async def test_one_process_serves_and_the_other_pushes(tmp_path: Path, redis: RedisServer) -> None:
    path = joined_configuration(tmp_path, redis)
    push = await wsphone("run", "--only", "push", "--config", str(path))
    web = await wsphone("run", "--only", "web", "--config", str(path))
    try:
        await push.expect("WSPhone does the pushes")
        await web.expect("WSPhone is at")
        report = await pushed_by_another(path)
        assert report.reason == "not configured: set push.apns.key_file"
        async with aiohttp.ClientSession() as http:
            config = load(path, environment={})
            pusher, server = config.push.metrics_port, config.http.port
            # What was sent and that it failed, by whoever did it.
            assert await figure(http, pusher, "wsphone_push_total") == 2
            assert await figure(http, server, "wsphone_push_total") is None
            assert await figure(http, server, "wsphone_push_queue_jobs") == 0
            worker = Server(push, take_ports(), http)
            assert worker.resident_kilobytes() < MAX_PUSH_KILOBYTES
            await worker.stop()
            await Server(web, take_ports(), http).stop()
    finally:
        await push.stop()
        await web.stop()


async def pushed_by_another(path: Path) -> PushReport:
    """The last report on a job that this process only puts into the queue."""
    config = load(path, environment={})
    ended: asyncio.Future[PushReport] = asyncio.get_running_loop().create_future()

    def hear(report: PushReport) -> None:
        if report.step is Step.FAILED:
            ended.set_result(report)

    keyring = keyring_of(config)
    async with pushing(config, keyring, works=False) as push:
        push.bus.subscribe(push.reply_to, hear)
        now = time.time()
        push.queue.put(
            job(IPHONE, expires_at=now + 45, now=now, keyring=keyring, reply_to=push.reply_to)
        )
        return await ended
