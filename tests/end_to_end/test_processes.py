"""The server as two processes that Redis joins: one for calls, one for pushes."""

import asyncio
import time
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signaling.pushing import pushing
from signaling.shared.config import load
from signaling.shared.keys import keyring_of
from signaling.shared.push import PushReport, Step
from tests.end_to_end.figures import figure
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
            pusher = f"http://127.0.0.1:{config.push.metrics_port}"
            server = f"http://127.0.0.1:{config.http.port}"
            # That it was sent and that it failed, by whoever did it.
            assert await figure(pusher, "wsphone_push_total") == 2
            assert await figure(server, "wsphone_push_total") is None
            assert await figure(server, "wsphone_push_queue_jobs") == 0
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
