import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from push.sender import Outcome, Verdict
from push.worker import NOT_SENT, PushWorker
from signaling.shared.bus_memory import MemoryBus
from signaling.shared.crypto import Keyring
from signaling.shared.push import Provider, PushJob, PushKind, PushReport, Step
from signaling.shared.queue_memory import MemoryPushQueue
from tests.installation import Clock
from tests.push.jobs import ANDROID, KEYRING, NOW, PLAIN_IPHONE, REPORTS, job

ACCEPTED = Outcome(Verdict.ACCEPTED, "accepted")
UNSENT = Outcome(Verdict.UNSENT, "GOAWAY")
GONE = Outcome(Verdict.DEAD, "Unregistered")


@dataclass
class Script:
    """A provider that answers what the test has put down, and ACCEPTED after that."""

    answers: list[Outcome | Exception] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    # While it is clear, pushes are in flight and get no answer.
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    async def warm(self) -> None:
        pass

    async def send(self, push: Any, *, seconds: float) -> Outcome:
        self.sent.append(push)
        answer = self.answers.pop(0) if self.answers else ACCEPTED
        await self.answering.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        pass


class Works:
    """A worker with its queue and scripted providers, and what it reported."""

    def __init__(self) -> None:
        self.clock = Clock(NOW)
        self.bus = MemoryBus()
        self.queue = MemoryPushQueue(self.bus, self.clock)
        self.apple, self.google = Script(), Script()
        self.apple.answering.set()
        self.google.answering.set()
        self.reports: list[PushReport] = []
        self._heard = asyncio.Event()
        self.bus.subscribe(REPORTS, self._hear)
        self._run(KEYRING, {})

    def _run(self, keyring: Keyring, options: dict[str, int]) -> None:
        senders = {
            Provider.APNS: self.apple,
            Provider.APNS_DEV: self.apple,
            Provider.FCM: self.google,
        }
        self.worker = PushWorker(self.queue, senders, keyring, self.bus, self.clock, **options)
        self.running = asyncio.create_task(self.worker.run())

    async def restart(self, keyring: Keyring = KEYRING, **options: int) -> None:
        """Go on with another worker."""
        await self.stop()
        self._run(keyring, options)

    def _hear(self, report: PushReport) -> None:
        self.reports.append(report)
        self._heard.set()

    async def until(self, met: Callable[[], bool]) -> None:
        while not met():
            self._heard.clear()
            await self._heard.wait()

    async def done(self, *jobs: PushJob) -> list[PushReport]:
        """The last report of each job."""
        before = len(self._ends())
        for each in jobs:
            self.queue.put(each)
        await self.until(lambda: len(self._ends()) == before + len(jobs))
        return self._ends()[before:]

    async def idle(self) -> None:
        """Wait until the worker has nothing in hand."""
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "push"))

    def last(self) -> Step | None:
        """What was told last."""
        return self.reports[-1].step if self.reports else None

    def _ends(self) -> list[PushReport]:
        ends = (Step.ACCEPTED, Step.FAILED, Step.DROPPED)
        return [report for report in self.reports if report.step in ends]

    async def stop(self) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


@pytest.fixture
async def works() -> AsyncIterator[Works]:
    works = Works()
    yield works
    works.apple.answering.set()
    await works.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}


class TestReports:
    async def test_each_step_is_told_to_whom_the_job_names(self, works: Works) -> None:
        works.apple.answers = [UNSENT]
        await works.done(job())
        told = [(report.step, report.attempt, report.reason) for report in works.reports]
        assert told == [
            (Step.SENDING, 1, None),
            (Step.RETRYING, 1, "GOAWAY"),
            (Step.SENDING, 2, None),
            (Step.ACCEPTED, 2, "accepted"),
        ]

    async def test_they_name_the_job_with_its_target_and_device(self, works: Works) -> None:
        given = job()
        (report,) = await works.done(given)
        assert (report.key, report.call, report.device) == (given.key, given.call, given.device)
        assert (report.target, report.provider) == ("target-1", Provider.APNS)
        assert report.registered_at == given.registered_at
        assert not report.dead and not report.alarm


class TestOutcomes:
    async def test_a_retry_has_the_same_id(self, works: Works) -> None:
        works.apple.answers = [UNSENT]
        await works.done(job())
        first, second = works.apple.sent
        assert first.id == second.id

    async def test_a_lasting_failure_is_tried_until_the_schedule_ends(self, works: Works) -> None:
        works.apple.answers = [UNSENT, UNSENT]
        (report,) = await works.done(job(expires_at=NOW + 5))
        assert (report.step, report.reason, report.attempt) == (Step.FAILED, "GOAWAY", 2)
        assert not report.dead

    async def test_after_an_unknown_fate_it_waits_and_tries_again(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.RETRY, "InternalServerError")]
        (report,) = await works.done(job())
        assert (report.step, report.attempt) == (Step.ACCEPTED, 2)

    async def test_a_dead_token_is_told(self, works: Works) -> None:
        works.apple.answers = [GONE]
        (report,) = await works.done(job())
        assert (report.step, report.reason, report.dead) == (Step.FAILED, "Unregistered", True)

    @pytest.mark.parametrize(("since", "dead"), [(NOW - 1001, False), (NOW - 999, True)])
    async def test_one_that_died_before_it_was_registered_lives(
        self, works: Works, since: float, dead: bool
    ) -> None:
        works.apple.answers = [replace(GONE, dead_since=since)]
        (report,) = await works.done(job())
        assert (report.step, report.dead) == (Step.FAILED, dead)

    async def test_apples_other_environment_is_tried_once(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken")]
        (report,) = await works.done(job())
        assert (report.step, report.provider) == (Step.ACCEPTED, Provider.APNS)
        assert [push.sandbox for push in works.apple.sent] == [False, True]

    async def test_a_token_that_neither_environment_knows_is_dead(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.WRONG_ENVIRONMENT, "BadDeviceToken")] * 2
        (report,) = await works.done(job())
        assert (report.step, report.dead, report.attempt) == (Step.FAILED, True, 2)

    async def test_a_fault_of_the_set_up_is_an_alarm(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.FAULT, "InvalidProviderToken")]
        (report,) = await works.done(job())
        assert (report.step, report.alarm, report.dead) == (Step.FAILED, True, False)

    async def test_the_operator_is_told_of_an_alarm_once_until_it_was_mended(
        self, works: Works, caplog: pytest.LogCaptureFixture
    ) -> None:
        fault = Outcome(Verdict.FAULT, "InvalidProviderToken")
        works.apple.answers = [fault, fault, ACCEPTED, fault]
        for number in range(4):
            await works.done(job(device=f"d{number}"))
        assert caplog.text.count("no pushes by apns: InvalidProviderToken") == 2

    async def test_what_the_provider_refuses_is_not_tried_again(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.REFUSED, "PayloadTooLarge")]
        (report,) = await works.done(job())
        assert (report.step, report.alarm, report.dead) == (Step.FAILED, False, False)
        assert len(works.apple.sent) == 1

    async def test_a_sender_that_breaks_ends_one_job_alone(
        self, works: Works, caplog: pytest.LogCaptureFixture
    ) -> None:
        works.apple.answers = [ValueError("broken")]
        first, second = await works.done(job(device="d1"), job(device="d2"))
        assert (first.device, first.reason, first.alarm) == ("d1", "internal error", True)
        assert (second.device, second.step) == ("d2", Step.ACCEPTED)


class TestOnce:
    async def test_a_key_that_was_accepted_is_not_pushed_again(self, works: Works) -> None:
        await works.done(job())
        works.queue.put(job())
        await works.done(job(device="another"))
        assert len(works.apple.sent) == 2

    async def test_a_key_that_is_being_pushed_is_not_pushed_beside(self, works: Works) -> None:
        works.apple.answering.clear()
        works.queue.put(job())
        await works.until(lambda: bool(works.reports))
        works.queue.put(job())
        works.apple.answering.set()
        await works.until(lambda: works.reports[-1].step is Step.ACCEPTED)
        await works.done(job(device="another"))
        assert len(works.apple.sent) == 2

    async def test_one_that_failed_may_be_put_again(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.REFUSED, "BadPath")]
        await works.done(job())
        (report,) = await works.done(job())
        assert report.step is Step.ACCEPTED

    async def test_one_that_another_worker_took_over_is_let_go(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.RETRY, "InternalServerError")]
        works.queue.put(job())
        await works.until(lambda: works.last() is Step.RETRYING)
        await works.queue.settle(job(), accepted=True)
        # Its second attempt would have come half a second later.
        await works.idle()
        assert len(works.apple.sent) == 1
        assert works.last() is Step.RETRYING


class TestLimits:
    async def test_an_expired_job_is_dropped_unsent(self, works: Works) -> None:
        (report,) = await works.done(job(expires_at=NOW))
        assert (report.step, report.reason) == (Step.DROPPED, "expired")
        assert works.apple.sent == []

    async def test_what_does_not_go_to_such_a_target_is_dropped(self, works: Works) -> None:
        (report,) = await works.done(job(kind=PushKind.ENDED))
        assert (report.step, report.reason) == (Step.DROPPED, NOT_SENT)
        assert works.apple.sent == []

    async def test_a_provider_that_stalls_stops_no_other(self, works: Works) -> None:
        works.apple.answering.clear()
        for number in range(600):
            works.queue.put(job(device=f"iphone-{number}"))
        await works.until(lambda: len(works.apple.sent) == 512)
        (report,) = await works.done(job(ANDROID))
        assert (report.step, report.provider) == (Step.ACCEPTED, Provider.FCM)
        assert len(works.apple.sent) == 512

    async def test_calls_have_places_that_nothing_else_takes(self, works: Works) -> None:
        works.apple.answering.clear()
        for number in range(600):
            works.queue.put(job(PLAIN_IPHONE, PushKind.MISSED, device=f"missed-{number}"))
        await works.until(lambda: len(works.apple.sent) == 384)
        works.queue.put(job(device="calling"))
        await works.until(lambda: len(works.apple.sent) == 385)
        assert works.apple.sent[-1].push_type == "voip"

    async def test_it_takes_no_more_than_it_can_hold(self, works: Works) -> None:
        works.apple.answering.clear()
        await works.restart(held_jobs=5)
        for number in range(7):
            works.queue.put(job(device=f"iphone-{number}"))
        await works.until(lambda: len(works.apple.sent) == 5)
        assert (works.worker.count(), await works.queue.waiting()) == (5, 2)
        works.apple.answering.set()
        await works.until(lambda: len(works.apple.sent) == 7)

    async def test_it_outlives_whatever_is_wrong_with_the_queue(
        self, works: Works, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Broken(MemoryPushQueue):
            broken = True

            async def take(self, room: int) -> list[PushJob]:
                if self.broken:
                    self.broken = False
                    raise ValueError("broken")
                return await super().take(room)

        works.queue = Broken(works.bus, works.clock)
        await works.restart()
        (report,) = await works.done(job())
        assert report.step is Step.ACCEPTED
        assert "no push jobs can be taken" in caplog.text

    async def test_a_job_sealed_under_another_key_is_an_alarm(self, works: Works) -> None:
        await works.restart(Keyring(["another key of thirty-two characters"]))
        (report,) = await works.done(job())
        assert (report.step, report.alarm, report.reason) == (
            Step.FAILED,
            True,
            "cannot be opened",
        )


class TestStop:
    async def test_what_is_in_flight_ends_first(self, works: Works) -> None:
        works.apple.answering.clear()
        works.queue.put(job())
        await works.until(lambda: bool(works.apple.sent))
        works.running.cancel()
        works.apple.answering.set()
        await works.stop()
        assert works.reports[-1].step is Step.ACCEPTED

    async def test_what_waits_for_another_attempt_is_let_go(self, works: Works) -> None:
        works.apple.answers = [Outcome(Verdict.RETRY, "busy", retry_after=30.0)]
        works.queue.put(job())
        await works.until(lambda: works.last() is Step.RETRYING)
        await works.stop()
        assert works.reports[-1].step is Step.RETRYING
        assert works.worker.count() == 0
