"""Push as a process has it: alone, or joined by Redis."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from signaling.pushing import Pushing, pushing
from signaling.shared.config import Config, Redis
from signaling.shared.push import PushReport, Step
from tests.push.jobs import ANDROID, BROWSER, IPHONE, KEYRING, job
from tests.redis_server import RedisServer


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=tmp_path)


async def pushed(push: Pushing) -> list[PushReport]:
    """The last reports of jobs for one target of each kind."""
    ends: asyncio.Queue[PushReport] = asyncio.Queue()

    def hear(report: PushReport) -> None:
        if report.step in (Step.ACCEPTED, Step.FAILED, Step.DROPPED):
            ends.put_nowait(report)

    end = push.bus.subscribe(push.reply_to, hear)
    now = time.time()
    targets = {"iphone": IPHONE, "android": ANDROID, "browser": BROWSER}
    for device, target in targets.items():
        made = job(target, device=device, expires_at=now + 45, now=now, reply_to=push.reply_to)
        push.queue.put(made)
    found = [await ends.get() for _ in targets]
    end()
    return found


def counted_failures(push: Pushing) -> float:
    """How many this process tells of."""
    return sum(
        sample.value
        for family in push.figures.collect()
        for sample in family.samples
        if sample.name == "wsphone_push_total" and sample.labels["step"] == "failed"
    )


class TestAlone:
    async def test_who_has_no_credentials_is_told_which_key_to_set(self, config: Config) -> None:
        async with pushing(config, KEYRING, works=True) as push:
            reports = await pushed(push)
            assert counted_failures(push) == 3
        assert {report.device: report.reason for report in reports} == {
            "iphone": "not configured: set push.apns.key_file",
            "android": "not configured: set push.fcm.credentials_file",
            "browser": "the endpoint's host is not allowed",
        }
        assert [report.device for report in reports if not report.alarm] == ["browser"]
        assert asyncio.all_tasks() == {asyncio.current_task()}


class TestJoined:
    async def test_one_process_pushes_for_the_other(
        self, config: Config, redis: RedisServer
    ) -> None:
        joined = replace(config, redis=Redis(redis.url))
        async with (
            pushing(joined, KEYRING, works=False) as web,
            pushing(joined, KEYRING, works=True) as worker,
        ):
            reports = await pushed(web)
            # By whoever makes them: a sum over all processes counts each push once.
            assert (counted_failures(web), counted_failures(worker)) == (0, 3)
        assert sorted(report.device for report in reports) == ["android", "browser", "iphone"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_a_process_that_does_not_push_leaves_jobs_to_others(
        self, config: Config, redis: RedisServer
    ) -> None:
        joined = replace(config, redis=Redis(redis.url))
        async with pushing(joined, KEYRING, works=False) as web:
            asking = asyncio.create_task(pushed(web))
            async with pushing(joined, KEYRING, works=True):
                assert len(await asking) == 3
