"""worker_process.py REDIS PORT NAME: a push worker, for tests that kill it."""

import asyncio
import sys

from push.worker import PushWorker
from signaling.shared.bus_redis import RedisBus
from signaling.shared.push import Provider, PushReport
from signaling.shared.queue_redis import RedisPushWork
from signaling.shared.redis_link import connect
from tests.push.jobs import KEYRING
from tests.push.socket_provider import SocketSender


async def work(url: str, port: int, name: str) -> None:
    client = connect(url)
    bus = RedisBus(client, prefix="test", words=(PushReport,))
    jobs = RedisPushWork(client, prefix="test", name=name)
    bus.start()
    jobs.start()
    await PushWorker(jobs, {Provider.APNS: SocketSender(port, name)}, KEYRING, bus).run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
