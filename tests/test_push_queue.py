"""The queue of push jobs, within one process and over Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from signaling.pushing import CountedQueue
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.push import PushJob, PushKind, PushReport, PushWork, Step
from signaling.shared.queue_memory import MemoryPushQueue
from signaling.shared.queue_redis import RedisPushQueue, RedisPushWork
from signaling.shared.redis_link import connect
from tests.installation import Clock
from tests.push.jobs import NOW, REPORTS, job
from tests.redis_server import RedisServer

CAPACITY = 3


async def at_once() -> None:
    """What takes no time in one process."""


@dataclass
class Sides:
    """A queue from both sides, and what it reported."""

    queue: CountedQueue
    work: PushWork
    clock: Clock
    reports: list[PushReport]
    put_through: Callable[[], Awaitable[None]] = at_once

    async def put(self, *jobs: PushJob) -> None:
        for each in jobs:
            self.queue.put(each)
        await self.put_through()
        # Reports come in a turn of their own.
        await asyncio.sleep(0)

    async def withdraw(self, job: PushJob) -> None:
        self.queue.withdraw(job.key, job.expires_at)
        await self.put_through()

    async def devices(self, room: int = 10) -> list[str]:
        return [each.device for each in await self.work.take(room)]

    def dropped(self) -> list[tuple[str, str | None]]:
        assert all(report.step is Step.DROPPED for report in self.reports)
        return [(report.device, report.reason) for report in self.reports]


@dataclass
class Joined:
    """What several processes have of one queue in Redis."""

    redis: RedisServer
    clock: Clock = field(default_factory=lambda: Clock(NOW))
    bus: MemoryBus = field(default_factory=MemoryBus)
    reports: list[PushReport] = field(default_factory=list)

    @asynccontextmanager
    async def queue(self, capacity: int = CAPACITY) -> AsyncIterator[RedisPushQueue]:
        async with connect(self.redis.url) as client:
            queue = RedisPushQueue(client, self.bus, self.clock, prefix="test", capacity=capacity)
            queue.start()
            yield queue
            await queue.aclose()

    @asynccontextmanager
    async def worker(
        self, name: str, *, dies: bool = False, **options: float
    ) -> AsyncIterator[RedisPushWork]:
        """One that dies says nothing to Redis, from the beginning."""
        async with connect(self.redis.url) as client:
            work = RedisPushWork(client, self.clock, prefix="test", name=name, **options)
            if not dies:
                work.start()
            yield work
            await work.aclose()


@pytest.fixture
def joined(redis: RedisServer) -> Joined:
    joined = Joined(redis)
    joined.bus.subscribe(REPORTS, joined.reports.append)
    return joined


@pytest.fixture(params=["memory", "redis"])
async def sides(request: pytest.FixtureRequest, joined: Joined) -> AsyncIterator[Sides]:
    if request.param == "memory":
        queue = MemoryPushQueue(joined.bus, joined.clock, capacity=CAPACITY)
        yield Sides(queue, queue, joined.clock, joined.reports)
        return
    async with joined.queue() as putting, joined.worker("one") as work:
        yield Sides(putting, work, joined.clock, joined.reports, putting.put_through)


class TestEveryQueue:
    async def test_what_is_put_is_taken_as_it_was(self, sides: Sides) -> None:
        await sides.put(job())
        (taken,) = await sides.work.take(10)
        given = job()
        assert (taken.key, taken.kind, taken.expires_at) == (given.key, given.kind, NOW + 45)
        assert taken.reply_to == REPORTS
        assert await sides.work.is_ours(taken)

    async def test_a_worker_waits_for_jobs(self, sides: Sides) -> None:
        taking = asyncio.create_task(sides.devices())
        await sides.put(job(device="d1"))
        assert await taking == ["d1"]

    async def test_it_tells_how_many_no_worker_has_taken(self, sides: Sides) -> None:
        assert await sides.queue.waiting() == 0
        await sides.put(job(device="1"), job(device="2"), job(kind=PushKind.TEST, device="3"))
        assert await sides.queue.waiting() == 3
        assert len(await sides.devices()) == 3
        assert await sides.queue.waiting() == 0

    async def test_calls_go_before_the_rest(self, sides: Sides) -> None:
        await sides.put(job(kind=PushKind.MISSED, device="m1"), job(device="c1"), job(device="c2"))
        assert await sides.devices() == ["c1", "c2", "m1"]

    async def test_a_repeat_of_one_that_waits_is_the_same_job(self, sides: Sides) -> None:
        await sides.put(job(device="d1"), job(device="d1"), job(device="d2"))
        assert await sides.devices() == ["d1", "d2"]
        assert sides.reports == []

    async def test_a_repeat_of_one_in_hand_is_the_same_job(self, sides: Sides) -> None:
        await sides.put(job(device="d1"))
        assert await sides.devices() == ["d1"]
        await sides.put(job(device="d1"), job(device="d2"))
        assert await sides.devices() == ["d2"]

    async def test_an_accepted_key_is_done_while_its_job_would_live(self, sides: Sides) -> None:
        await sides.put(job(device="d1"))
        (taken,) = await sides.work.take(10)
        await sides.work.settle(taken, accepted=True)
        assert not await sides.work.is_ours(taken)
        await sides.put(job(device="d1"), job(device="d2"))
        assert await sides.devices() == ["d2"]

    async def test_what_is_withdrawn_is_not_sent(self, sides: Sides) -> None:
        await sides.put(job(device="held"))
        (held,) = await sides.work.take(10)
        await sides.put(job(device="waits"))
        for device in ("held", "waits"):
            await sides.withdraw(job(device=device))
        assert not await sides.work.is_ours(held)
        await sides.put(job(device="waits"), job(device="other"))
        taken = await sides.work.take(10)
        assert [each.device for each in taken if await sides.work.is_ours(each)] == ["other"]
        assert sides.reports == []

    async def test_a_key_that_failed_may_be_put_again(self, sides: Sides) -> None:
        await sides.put(job(device="d1"))
        (taken,) = await sides.work.take(10)
        await sides.work.settle(taken, accepted=False)
        await sides.put(job(device="d1"))
        assert await sides.devices() == ["d1"]

    async def test_a_full_one_drops_the_expired_first(self, sides: Sides) -> None:
        await sides.put(
            job(kind=PushKind.MISSED, device="m1"),
            job(device="late", expires_at=NOW + 10),
            job(device="c1"),
        )
        sides.clock.advance(10)
        await sides.put(job(kind=PushKind.MISSED, device="m2"))
        assert sides.dropped() == [("late", "expired")]
        assert await sides.devices() == ["c1", "m1", "m2"]

    async def test_then_what_is_no_call_goes_for_a_call(self, sides: Sides) -> None:
        await sides.put(*(job(kind=PushKind.MISSED, device=f"m{n}") for n in (1, 2, 3)))
        await sides.put(job(device="c1"))
        assert sides.dropped() == [("m1", "queue full")]
        assert await sides.devices() == ["c1", "m2", "m3"]

    async def test_a_call_does_not_go_for_anything(self, sides: Sides) -> None:
        await sides.put(*(job(device=f"c{n}") for n in (1, 2, 3)))
        await sides.put(job(kind=PushKind.MISSED, device="m1"), job(device="c4"))
        assert sorted(sides.dropped()) == [("c4", "queue full"), ("m1", "queue full")]
        assert await sides.devices() == ["c1", "c2", "c3"]

    async def test_what_was_dropped_may_be_put_again(self, sides: Sides) -> None:
        await sides.put(*(job(kind=PushKind.MISSED, device=f"m{n}") for n in (1, 2, 3)))
        await sides.put(job(device="c1"))
        assert len(await sides.devices()) == 3
        await sides.put(job(kind=PushKind.MISSED, device="m1"))
        assert await sides.devices() == ["m1"]

    async def test_what_is_in_hand_takes_no_place_and_is_not_dropped(self, sides: Sides) -> None:
        await sides.put(*(job(kind=PushKind.MISSED, device=f"m{n}") for n in (1, 2, 3)))
        held = await sides.work.take(10)
        await sides.put(*(job(device=f"c{n}") for n in (1, 2, 3)))
        assert sides.reports == []
        assert all([await sides.work.is_ours(each) for each in held])


class TestSeveralWorkers:
    async def test_each_job_goes_to_one_of_them(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("a") as a, joined.worker("b") as b:
            for number in (1, 2, 3):
                queue.put(job(device=f"d{number}"))
            await queue.put_through()
            # Redis hands out at most what is asked for.
            first = await a.take(1)
            second = await b.take(10)
        assert sorted(each.device for each in first + second) == ["d1", "d2", "d3"]

    async def test_a_dead_ones_jobs_are_claimed_while_the_phone_may_ring(
        self, joined: Joined
    ) -> None:
        async with joined.queue() as queue, joined.worker("dead", dies=True) as dead:
            queue.put(job())
            (lost,) = await dead.take(10)
            async with joined.worker("living") as living:
                (claimed,) = await living.take(10)
                assert claimed.key == lost.key
                assert await living.is_ours(claimed)
                # It was not dead after all.
                assert not await dead.is_ours(lost)

    async def test_a_living_one_keeps_what_it_has_in_hand(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("slow") as slow:
            queue.put(job(device="d1"))
            (held,) = await slow.take(10)
            async with joined.worker("dead", dies=True) as dead:
                queue.put(job(device="d2"))
                await dead.take(10)
                async with joined.worker("other") as other:
                    # By then the claims of others would have reached d1 as well.
                    assert [each.device for each in await other.take(10)] == ["d2"]
            assert await slow.is_ours(held)

    async def test_a_dead_ones_jobs_are_found_behind_many_of_a_living_one(
        self, joined: Joined
    ) -> None:
        # Redis looks at ten times as many as it is asked to claim, and no further.
        many = 700
        async with joined.queue(many) as queue, joined.worker("slow") as slow:
            for number in range(many):
                queue.put(job(device=f"d{number}"))
            await queue.put_through()
            held = 0
            while held < many:
                held += len(await slow.take(many))
            async with joined.worker("dead", dies=True) as dead:
                queue.put(job(device="lost"))
                await dead.take(10)
                async with joined.worker("other") as other, asyncio.timeout(10):
                    assert [each.device for each in await other.take(10)] == ["lost"]

    async def test_all_jobs_of_a_dead_one_are_claimed_without_a_pause(self, joined: Joined) -> None:
        many = 300
        async with joined.queue(many) as queue, joined.worker("dead", dies=True) as dead:
            for number in range(many):
                queue.put(job(device=f"d{number}"))
            await queue.put_through()
            held = 0
            while held < many:
                held += len(await dead.take(many))
            async with joined.worker("other") as other:
                claimed = len(await other.take(many))
                began = asyncio.get_running_loop().time()
                while claimed < many:
                    claimed += len(await other.take(many))
                assert asyncio.get_running_loop().time() - began < 1.0

    async def test_one_that_stops_leaves_its_jobs_at_once(self, joined: Joined) -> None:
        async with joined.queue() as queue:
            async with joined.worker("stopping") as stopping:
                queue.put(job())
                await stopping.take(10)
            async with joined.worker("next", dies=True) as after:
                (taken,) = await after.take(10)
                assert await after.is_ours(taken)

    async def test_an_acceptance_counts_whoever_has_the_job_meanwhile(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("slow", dies=True) as slow:
            queue.put(job())
            (held,) = await slow.take(10)
            async with joined.worker("quick") as quick:
                (claimed,) = await quick.take(10)
                await slow.settle(held, accepted=True)
                assert not await quick.is_ours(claimed)

    async def test_a_failure_counts_only_from_whoever_has_the_job(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("slow", dies=True) as slow:
            queue.put(job())
            (held,) = await slow.take(10)
            async with joined.worker("quick") as quick:
                (claimed,) = await quick.take(10)
                await slow.settle(held, accepted=False)
                assert await quick.is_ours(claimed)

    async def test_the_names_of_those_that_are_gone_are_forgotten(self, joined: Joined) -> None:
        async with joined.queue() as queue:
            async with joined.worker("gone") as gone:
                queue.put(job(device="d1"))
                (held,) = await gone.take(10)
                await gone.settle(held, accepted=True)
            async with joined.worker("next", forget_seconds=0.0) as after:
                queue.put(job(device="d2"))
                await after.take(10)
        async with connect(joined.redis.url) as client:
            known = await client.xinfo_consumers("test:{push}:calls", "workers")
        assert [worker["name"] for worker in known] == [b"next"]

    async def test_what_nobody_can_read_is_passed_over(self, joined: Joined) -> None:
        async with connect(joined.redis.url) as client:
            await client.xadd("test:{push}:calls", {"key": "k", "expires": "0", "job": b"\xc1"})
            async with joined.queue() as queue, joined.worker("one") as work:
                queue.put(job(device="d1"))
                assert [each.device for each in await work.take(10)] == ["d1"]
            assert await client.xlen("test:{push}:calls") == 1


class TestOutage:
    async def test_what_is_put_while_redis_is_away_is_done_later(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("one") as work:
            queue.put(job(device="d1"))
            assert [each.device for each in await work.take(10)] == ["d1"]
            joined.redis.stop()
            queue.put(job(device="d2"))
            taking = asyncio.create_task(work.take(10))
            await asyncio.sleep(0)
            joined.redis.start()
            assert [each.device for each in await taking] == ["d2"]

    async def test_a_call_that_expires_meanwhile_is_reported(self, joined: Joined) -> None:
        heard = asyncio.Event()
        joined.bus.subscribe(REPORTS, lambda _: heard.set())
        async with joined.queue() as queue:
            joined.redis.stop()
            queue.put(job(device="d1"))
            assert await queue.waiting() == 1
            joined.clock.advance(45)
            await heard.wait()
            assert [(r.device, r.reason) for r in joined.reports] == [("d1", "expired")]
            await queue.put_through()
            assert await queue.waiting() == 0

    async def test_an_acceptance_is_written_when_redis_is_back(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("one") as work:
            queue.put(job(device="d1"))
            (held,) = await work.take(10)
            joined.redis.stop()
            settling = asyncio.create_task(work.settle(held, accepted=True))
            await asyncio.sleep(0)
            joined.redis.start()
            await settling
            queue.put(job(device="d1"))
            queue.put(job(device="d2"))
            assert [each.device for each in await work.take(10)] == ["d2"]

    async def test_a_redis_that_lost_everything_is_used_again(self, joined: Joined) -> None:
        async with joined.queue() as queue, joined.worker("one") as work:
            queue.put(job(device="d1"))
            (held,) = await work.take(10)
            joined.redis.empty()
            assert not await work.is_ours(held)
            queue.put(job(device="d2"))
            assert [each.device for each in await work.take(10)] == ["d2"]
