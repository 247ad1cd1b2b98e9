"""Workers that are killed in the middle of pushes, with a real Redis between them and us."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest

from push.worker import push_id_of
from signaling.shared.bus_redis import RedisBus
from signaling.shared.push import PushReport, Step
from signaling.shared.queue_redis import RedisPushQueue
from signaling.shared.redis_link import connect
from tests.push.jobs import REPORTS, job
from tests.push.socket_provider import SocketProvider
from tests.redis_server import RedisServer

JOBS = 60


class Stage:
    """A queue in Redis, a provider, and worker processes to kill."""

    def __init__(self, redis: RedisServer, provider: SocketProvider) -> None:
        self.provider = provider
        self.accepted: list[str] = []
        self._redis = redis
        self._client = connect(redis.url)
        self._bus = RedisBus(self._client, prefix="test", words=(PushReport,))
        self._queue = RedisPushQueue(self._client, self._bus, prefix="test")
        self._processes: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> "Stage":
        self._bus.start()
        self._queue.start()
        self._bus.subscribe(REPORTS, self._hear)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self._processes:
            await self.kill(process)
        await self._queue.aclose()
        await self._bus.aclose()
        await self._client.aclose()

    async def start(self, name: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.push.worker_process"),
            *(self._redis.url, str(self.provider.port), name),
        )
        self._processes.append(process)
        return process

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.kill()
            await process.wait()

    def put(self) -> None:
        now = time.time()
        for number in range(JOBS):
            self._queue.put(job(device=f"d{number}", expires_at=now + 45, now=now))

    async def until(self, met: Callable[[], bool]) -> None:
        while not met():
            self.provider.news.clear()
            await self.provider.news.wait()

    def _hear(self, report: PushReport) -> None:
        if report.step is Step.ACCEPTED:
            self.accepted.append(report.key)
            self.provider.news.set()


@pytest.fixture
async def stage(redis: RedisServer) -> AsyncIterator[Stage]:
    async with SocketProvider() as provider, Stage(redis, provider) as stage:
        yield stage


async def test_what_was_in_flight_is_pushed_by_another_and_nothing_else(stage: Stage) -> None:
    provider = stage.provider
    provider.answers = lambda number: number <= JOBS // 2
    victim = await stage.start("victim")
    stage.put()
    await stage.until(lambda: len(provider.received) == JOBS and len(stage.accepted) == JOBS // 2)
    await stage.kill(victim)
    answered = set(provider.of_worker("victim")[: JOBS // 2])
    in_flight = set(provider.of_worker("victim")[JOBS // 2 :])
    provider.answers = lambda _: True
    await stage.start("survivor")
    await stage.until(lambda: len(stage.accepted) == JOBS)
    assert sorted(provider.of_worker("survivor")) == sorted(in_flight)
    assert not answered & in_flight
    assert len(set(stage.accepted)) == JOBS


async def test_each_call_is_pushed_whenever_its_worker_dies(stage: Stage) -> None:
    victim = await stage.start("victim")
    stage.put()
    await stage.until(lambda: len(stage.accepted) >= 5)
    await stage.kill(victim)
    told = [push_id_of(key) for key in stage.accepted]
    await stage.start("survivor")
    await stage.until(lambda: len({push for push, _ in stage.provider.received}) == JOBS)
    times = Counter(push for push, _ in stage.provider.received)
    assert [times[push] for push in told] == [1] * len(told)
