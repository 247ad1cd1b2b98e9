"""The queue of push jobs that several processes share, in Redis."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import Any, NamedTuple, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from signaling.shared import queue_scripts as scripts
from signaling.shared.bus import Bus
from signaling.shared.push import PushJob, PushKind, Step, report_of
from signaling.shared.push_backlog import EXPIRED, Backlog, Dropped
from signaling.shared.queue_memory import CAPACITY
from signaling.shared.redis_link import TROUBLE, Outage

log = logging.getLogger(__name__)

GROUP = "workers"
# A worker that says nothing for so long is dead or stuck: others take what it had.
CLAIM_AFTER_SECONDS = 2.5
HOLD_EVERY_SECONDS = 0.8
_BLOCK_SECONDS = 1.0
_BATCH = 64
_HOLD_BATCH = 500
_GOODBYE_SECONDS = 1.0
_LOOK_SECONDS = 2.0
# How long the name of a worker that holds nothing is kept.
FORGET_WORKERS_SECONDS = 600.0
# Long enough for whatever CLAIM_AFTER_SECONDS a newer version has.
_LET_GO_MS = 3_600_000


class _Names:
    """The keys in Redis; the braces keep them on one node of a cluster, where scripts need them."""

    def __init__(self, prefix: str) -> None:
        base = f"{prefix}:{{push}}:"
        self.calls, self.rest = f"{base}calls", f"{base}rest"
        self.waiting, self.done = f"{base}waiting:", f"{base}done:"

    @property
    def streams(self) -> tuple[str, str]:
        return self.calls, self.rest

    def stream(self, job: PushJob) -> str:
        return self.calls if job.kind is PushKind.CALL else self.rest


class RedisPushQueue:
    """The side of those who have phones pushed; what is put while Redis is away waits here."""

    def __init__(
        self,
        redis: Redis,
        bus: Bus,
        clock: Callable[[], float] = time.time,
        *,
        prefix: str,
        capacity: int = CAPACITY,
    ) -> None:
        self._redis = redis
        self._bus = bus
        self._clock = clock
        self._names = _Names(prefix)
        self._capacity = capacity
        self._outbox = Backlog(capacity)
        # Jobs that are neither in the outbox nor known to be in Redis.
        self._trying = 0
        # Keys, and until when they matter.
        self._withdrawn: dict[str, float] = {}
        self._arrived = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run(), name="push queue")

    async def aclose(self) -> None:
        """Let what was put through first, if Redis is there."""
        if self._running is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self.put_through()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def put(self, job: PushJob) -> None:
        loop = asyncio.get_running_loop()
        for dropped in self._outbox.put(job, now=self._clock()):
            # Not in the turn of whoever puts: it may hear its own report.
            loop.call_soon(self._report, dropped)
        self._empty.clear()
        self._arrived.set()

    async def waiting(self) -> int:
        """Jobs here and in Redis; while that is away, those here."""
        here = len(self._outbox) + self._trying
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                there = await self._redis.eval(scripts.WAITING, 2, *self._names.streams, GROUP)
        except TROUBLE:
            return here
        return here + int(there)

    def withdraw(self, key: str, expires_at: float) -> None:
        self._outbox.remove(key)
        if len(self._withdrawn) >= self._capacity:
            del self._withdrawn[next(iter(self._withdrawn))]
        self._withdrawn[key] = expires_at
        self._empty.clear()
        self._arrived.set()

    async def put_through(self) -> None:
        """Wait until all that was put or withdrawn is where workers find it."""
        await self._empty.wait()

    async def _run(self) -> None:
        outage = Outage("push queue")
        while True:
            while not self._outbox and not self._withdrawn:
                self._empty.set()
                self._arrived.clear()
                await self._arrived.wait()
            batch = self._outbox.take(_BATCH)
            while (batch := self._living(batch)) or self._withdrawn:
                self._trying = len(batch)
                try:
                    await self._put_all(batch)
                except TROUBLE as error:
                    await outage.wait(error)
                except Exception:
                    log.exception("push jobs cannot be queued")
                    for job in batch:
                        self._report(Dropped(job, "internal error"))
                    self._withdrawn.clear()
                    break
                else:
                    outage.over()
                    break
            self._trying = 0

    def _living(self, batch: list[PushJob]) -> list[PushJob]:
        """Those that are of use still; the others are reported."""
        now = self._clock()
        for job in batch:
            if job.expires_at <= now:
                self._report(Dropped(job, EXPIRED))
        return [job for job in batch if job.expires_at > now]

    async def _put_all(self, batch: list[PushJob]) -> None:
        """Repeating it does no harm: what is in the queue already is not added."""
        names, withdrawn = self._names, dict(self._withdrawn)
        async with self._redis.pipeline(transaction=False) as pipe:
            for job in batch:
                marks = names.waiting + job.key, names.done + job.key
                pipe.eval(
                    scripts.PUT,
                    5,
                    *(names.stream(job), names.rest, names.calls, *marks),
                    *(GROUP, job.key, msgspec.msgpack.encode(job)),
                    *(_ms(job.expires_at), _ms(self._clock()), self._capacity, names.waiting),
                )
            # Last: what was withdrawn may be in the batch.
            for key, expires_at in withdrawn.items():
                pipe.set(names.done + key, 1, px=self._life_ms(expires_at))
            answers: list[Any] = await pipe.execute()
        for key in withdrawn:
            self._withdrawn.pop(key, None)
        for reason, packed in chain.from_iterable(answers[: len(batch)]):
            if (dropped := _unpacked(packed)) is not None:
                self._report(Dropped(dropped, reason.decode()))

    def _life_ms(self, expires_at: float) -> int:
        return max(1, _ms(expires_at) - _ms(self._clock()))

    def _report(self, dropped: Dropped) -> None:
        report = report_of(dropped.job, Step.DROPPED, at=self._clock(), reason=dropped.reason)
        self._bus.publish(dropped.job.reply_to, report)


class _Entry(NamedTuple):
    stream: str
    id: bytes


class _Delivered(NamedTuple):
    stream: str
    id: bytes
    fields: dict[bytes, bytes]


class RedisPushWork:
    """The side of one worker; `name` is no other worker's."""

    def __init__(
        self,
        redis: Redis,
        clock: Callable[[], float] = time.time,
        *,
        prefix: str,
        name: str,
        forget_seconds: float = FORGET_WORKERS_SECONDS,
    ) -> None:
        self._redis = redis
        self._forget_seconds = forget_seconds
        self._clock = clock
        self._names = _Names(prefix)
        self._name = name
        self._held: dict[str, _Entry] = {}
        self._claim_at = 0.0
        self._forget_at = 0.0
        self._outage = Outage("push worker")
        self._holding: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._holding = asyncio.create_task(self._keep_hold(), name="push hold")

    async def aclose(self) -> None:
        """Leave what is in hand to the other workers, at once."""
        if self._holding is None:
            return
        self._holding.cancel()
        await asyncio.gather(self._holding, return_exceptions=True)
        with suppress(*TROUBLE):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._hold(idle_ms=_LET_GO_MS)

    async def take(self, room: int) -> list[PushJob]:
        while True:
            try:
                entries = await self._claimed(room) or await self._new(room)
            except TROUBLE as error:
                if _is_no_group(error):
                    await self._make_groups()
                else:
                    await self._outage.wait(error)
                continue
            self._outage.over()
            found = [(entry, _unpacked(entry.fields.get(b"job", b""))) for entry in entries]
            with suppress(*TROUBLE):
                await self._remove([entry for entry, job in found if job is None])
            if jobs := [job for entry, job in found if job and self._is_new_in_hand(entry, job)]:
                return jobs

    async def is_ours(self, job: PushJob) -> bool:
        entry = self._held.get(job.key)
        if entry is None:
            return False
        keys = entry.stream, self._names.done + job.key
        answer = await self._asked(job, scripts.IS_OURS, keys, (GROUP, self._name, entry.id))
        if not answer:
            self._held.pop(job.key, None)
        return bool(answer)

    async def settle(self, job: PushJob, *, accepted: bool) -> None:
        entry = self._held.get(job.key)
        if entry is None:
            return
        names = self._names
        keys = entry.stream, names.waiting + job.key, names.done + job.key
        life = max(1, _ms(job.expires_at) - _ms(self._clock()))
        words = (GROUP, self._name, entry.id, int(accepted), life)
        # Held until it is written: else another worker would take it for a dead one's.
        await self._asked(job, scripts.SETTLE, keys, words)
        self._held.pop(job.key, None)

    async def _claimed(self, room: int) -> list[_Delivered]:
        """What other workers had in hand when they died."""
        now = time.monotonic()
        if now < self._claim_at:
            return []
        if now >= self._forget_at:
            self._forget_at = now + self._forget_seconds
            await self._forget_workers()
        found: list[_Delivered] = []
        for stream in self._names.streams:
            found += await self._claimed_of(stream)
        if not found:
            self._claim_at = now + _BLOCK_SECONDS
        return found

    async def _claimed_of(self, stream: str) -> list[_Delivered]:
        """The first there are: Redis looks at a part, which may be in living hands throughout."""
        start, entries = b"0-0", list[Any]()
        while not entries:
            start, entries, *_ = await self._redis.xautoclaim(
                stream, GROUP, self._name, _ms(CLAIM_AFTER_SECONDS), start_id=start, count=_BATCH
            )
            if start == b"0-0":
                break
        return [_Delivered(stream, *entry) for entry in entries]

    async def _new(self, room: int) -> list[_Delivered]:
        answer = await self._redis.xreadgroup(
            GROUP,
            self._name,
            dict.fromkeys(self._names.streams, ">"),
            # No more at a time, so that others who wait get their part.
            count=max(1, min(room, _BATCH)),
            block=_ms(_BLOCK_SECONDS),
        )
        return [
            _Delivered(stream.decode(), *entry)
            for stream, entries in cast(list[Any], answer)
            for entry in entries
        ]

    def _is_new_in_hand(self, delivered: _Delivered, job: PushJob) -> bool:
        """False for our own, of which we were silent for too long, and for repeats."""
        if job.key in self._held:
            return False
        self._held[job.key] = _Entry(delivered.stream, delivered.id)
        return True

    async def _remove(self, unreadable: list[_Delivered]) -> None:
        for stream, id_, _ in unreadable:
            await self._redis.xack(stream, GROUP, id_)
            await self._redis.xdel(stream, id_)

    async def _asked(
        self, job: PushJob, script: str, keys: tuple[str, ...], words: tuple[Any, ...]
    ) -> int:
        """A script's answer, asked for while the job lives; 0 when there is none."""
        while True:
            try:
                answer = await self._redis.eval(script, len(keys), *keys, *words)
            except TROUBLE as error:
                if _is_no_group(error) or self._clock() >= job.expires_at:
                    return 0
                await self._outage.wait(error)
            else:
                self._outage.over()
                return int(answer)

    async def _keep_hold(self) -> None:
        while True:
            await asyncio.sleep(HOLD_EVERY_SECONDS)
            # Whoever asks next meets the same trouble and tells of it.
            with suppress(*TROUBLE):
                await self._hold(idle_ms=0)

    async def _hold(self, *, idle_ms: int) -> None:
        for stream in self._names.streams:
            ids = [entry.id for entry in self._held.values() if entry.stream == stream]
            # In parts, as Redis does nothing else during a script.
            for start in range(0, len(ids), _HOLD_BATCH):
                part = ids[start : start + _HOLD_BATCH]
                worker = GROUP, self._name, idle_ms
                await self._redis.eval(scripts.HOLD, 1, stream, *worker, *part)

    async def _make_groups(self) -> None:
        """Where a Redis is new, or came back without what it held."""
        for stream in self._names.streams:
            with suppress(*TROUBLE):
                await self._redis.xgroup_create(stream, GROUP, id="0", mkstream=True)

    async def _forget_workers(self) -> None:
        for stream in self._names.streams:
            words = (GROUP, _ms(self._forget_seconds))
            await self._redis.eval(scripts.FORGET_WORKERS, 1, stream, *words)


def _is_no_group(error: BaseException) -> bool:
    return isinstance(error, ResponseError) and "NOGROUP" in str(error)


def _unpacked(packed: bytes) -> PushJob | None:
    try:
        return msgspec.msgpack.decode(packed, type=PushJob)
    except msgspec.MsgspecError:
        log.warning("a push job of another version is passed over")
        return None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
