"""Does the jobs of the queue: opens them, sends them until they are accepted, and reports."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import random
from typing import Any, NamedTuple

from msgspec.structs import replace

from push.payload import compose
from push.schedule import Schedule
from push.sender import Outcome, Sender, Verdict
from signaling.shared.bus import Bus
from signaling.shared.crypto import Keyring
from signaling.shared.errors import OperatorError
from signaling.shared.push import (
    Notice,
    Provider,
    PushJob,
    PushKind,
    PushWork,
    Step,
    Target,
    report_of,
)
from signaling.shared.push_backlog import EXPIRED
from signaling.shared.push_envelope import unseal

log = logging.getLogger(__name__)

# A provider that stalls keeps those of a minute at a hundred a second; others need room beside.
HELD_JOBS = 8192
ATTEMPTS_A_PROVIDER = 512
# What is no call may take this part of them.
REST_OF_ATTEMPTS = ATTEMPTS_A_PROVIDER * 3 // 4
GOODBYE_SECONDS = 3.0
REASON_CHARACTERS = 200
ALARMS = 100
NOT_SENT = "not sent to such a target"
_ID_NAMESPACE = uuid.UUID("9d7c7a55-8f6e-4f0a-9a52-3f1f6c0f0b1e")
_OTHER_ENVIRONMENT = {Provider.APNS: Provider.APNS_DEV, Provider.APNS_DEV: Provider.APNS}


@dataclass(frozen=True, slots=True)
class _Lane:
    """The attempts that one provider may have in flight: one that stalls stops no other."""

    sender: Sender[Any]
    all: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ATTEMPTS_A_PROVIDER))
    rest: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REST_OF_ATTEMPTS))

    @asynccontextmanager
    async def slot(self, kind: PushKind) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if kind is not PushKind.CALL:
                await stack.enter_async_context(self.rest)
            await stack.enter_async_context(self.all)
            yield


class _End(NamedTuple):
    """How a job ended, and what else its last report says."""

    step: Step
    details: dict[str, Any]


class _Tried(NamedTuple):
    outcome: Outcome
    seconds: float


class PushWorker:
    """`run` until cancelled; what is in flight then ends first."""

    def __init__(
        self,
        work: PushWork,
        senders: Mapping[Provider, Sender[Any]],
        keyring: Keyring,
        bus: Bus,
        clock: Callable[[], float] = time.time,
        *,
        held_jobs: int = HELD_JOBS,
    ) -> None:
        self._work = work
        self._held_jobs = held_jobs
        # Both of Apple's environments have one sender, and so one lane.
        lanes = {id(sender): _Lane(sender) for sender in senders.values()}
        self._lanes = {provider: lanes[id(sender)] for provider, sender in senders.items()}
        self._keyring = keyring
        self._bus = bus
        self._clock = clock
        self._alarms: set[tuple[Provider, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Take jobs and do them, many at once."""
        for lane in {id(lane): lane for lane in self._lanes.values()}.values():
            self._start(lane.sender.warm())
        try:
            while True:
                while len(self._tasks) >= self._held_jobs:
                    self._ended.clear()
                    await self._ended.wait()
                for job in await self._taken():
                    self._start(self._do(job))
        finally:
            await self._stop()

    def count(self) -> int:
        """How many jobs are in hand."""
        return len(self._tasks)

    async def _taken(self) -> list[PushJob]:
        try:
            return await self._work.take(self._held_jobs - len(self._tasks))
        except Exception:
            # The worker outlives whatever is wrong with the queue.
            log.exception("no push jobs can be taken")
            await asyncio.sleep(1)
            return []

    def _start(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing, name="push")
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended.set()

    async def _stop(self) -> None:
        """Jobs that wait for another attempt are left to other workers."""
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GOODBYE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _do(self, job: PushJob) -> None:
        """The edge of one job: whatever happens, it is settled and reported."""
        try:
            end = await self._carry(job, *unseal(self._keyring, job))
        except OperatorError as error:
            log.info("%s cannot be opened: %s", job.key, error)
            end = _End(Step.FAILED, {"reason": "cannot be opened", "alarm": True})
        except Exception:
            log.exception("%s failed", job.key)
            end = _End(Step.FAILED, {"reason": "internal error", "alarm": True})
        if end is not None:
            # First what keeps another worker from sending it again.
            await self._work.settle(job, accepted=end.step is Step.ACCEPTED)
            self._report(job, end.step, **end.details)
            self._tell_operator(job.provider, end)

    def _tell_operator(self, provider: Provider, end: _End) -> None:
        """Each alarm once, until something of that provider is accepted again."""
        if end.step is Step.ACCEPTED:
            self._alarms = {alarm for alarm in self._alarms if alarm[0] is not provider}
        elif end.details.get("alarm"):
            alarm = provider, end.details["reason"]
            if alarm not in self._alarms and len(self._alarms) < ALARMS:
                self._alarms.add(alarm)
                log.warning("no pushes by %s: %s", *alarm)

    async def _carry(self, job: PushJob, target: Target, notice: Notice) -> _End | None:
        """Try until the job is over; None: it is not ours any more, or we stop."""
        schedule = Schedule(job.expires_at)
        turned, attempt = False, 0
        while True:
            attempt += 1
            done = await self._attempt(job, target, notice, schedule, attempt)
            if not isinstance(done, _Tried):
                return done
            outcome = done.outcome
            told = {
                "attempt": attempt,
                "reason": outcome.reason[:REASON_CHARACTERS],
                "seconds": done.seconds,
            }
            other = _OTHER_ENVIRONMENT.get(target.provider)
            if outcome.verdict is Verdict.WRONG_ENVIRONMENT and other is not None and not turned:
                turned, wait = True, 0.0
                target = replace(target, provider=other)
            elif outcome.verdict in (Verdict.UNSENT, Verdict.RETRY):
                now = self._clock()
                again = schedule.wait_seconds(outcome, now=now, random=random())
                if again is None:
                    return _End(Step.FAILED, told)
                wait = again
            else:
                return _end_of(job, outcome, told)
            self._report(job, Step.RETRYING, **told)
            if await self._is_stopped_within(wait):
                return None

    async def _attempt(
        self, job: PushJob, target: Target, notice: Notice, schedule: Schedule, attempt: int
    ) -> _Tried | _End | None:
        lane = self._lanes[target.provider]
        async with lane.slot(job.kind):
            if not await self._work.is_ours(job):
                return None
            started = self._clock()
            seconds = schedule.attempt_seconds(started)
            if seconds <= 0:
                return _End(Step.DROPPED, {"attempt": attempt - 1, "reason": EXPIRED})
            push = compose(job, target, notice, push_id=push_id_of(job.key), now=started)
            if push is None:
                return _End(Step.DROPPED, {"reason": NOT_SENT})
            self._report(job, Step.SENDING, attempt=attempt)
            outcome = await lane.sender.send(push, seconds=seconds)
            return _Tried(outcome, self._clock() - started)

    async def _is_stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def _report(self, job: PushJob, step: Step, **details: Any) -> None:
        self._bus.publish(job.reply_to, report_of(job, step, at=self._clock(), **details))


def push_id_of(key: str) -> str:
    """The UUID that every attempt of a job has, whoever makes it."""
    return str(uuid.uuid5(_ID_NAMESPACE, key))


def _end_of(job: PushJob, outcome: Outcome, told: dict[str, Any]) -> _End:
    """The end that an outcome is which is not tried again."""
    match outcome.verdict:
        case Verdict.ACCEPTED:
            return _End(Step.ACCEPTED, told)
        case Verdict.FAULT:
            return _End(Step.FAILED, told | {"alarm": True})
        case Verdict.DEAD:
            # One that died before it was registered was born again since.
            since = outcome.dead_since
            return _End(Step.FAILED, told | {"dead": since is None or since > job.registered_at})
        case Verdict.WRONG_ENVIRONMENT:
            return _End(Step.FAILED, told | {"dead": True})
        case _:
            return _End(Step.FAILED, told)
