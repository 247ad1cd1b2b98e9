"""Records joined sides: packets are taken on the loop; sound and disk are a thread's work."""

import asyncio
import logging
import secrets
import struct
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from media.bridge import Bridge
from media.engine import Recorded, Unrecorded
from media.jitter import Packet
from media.music import TONE
from media.packet import EVENT, HEADER_SIZE, payload_end, payload_offset
from media.places import RECORDING
from media.player import Player
from media.side import Side
from media.tape import Taken, Tape
from signaling.shared.errors import MediaError
from signaling.shared.sealed_file import SealedWriter

log = logging.getLogger(__name__)

TONE_SECONDS = 0.2
TONE_EVERY_SECONDS = 15.0
WORK_SECONDS = 0.25
MAX_WAITING = 1_000
"""Packets that wait for the thread, ten seconds of two sides; beyond that it does not keep up."""
_DIGIT_SECONDS = 0.3

_HEADER = struct.Struct("!BBHII")

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Recording:
    tape: Tape
    file: SealedWriter
    sides: tuple[Side, Side]
    # When each side is due to be told by a tone whose peer is to be told so.
    tones: dict[Side, float] = field(default_factory=dict)
    # A tone in the middle of a digit would make two of it.
    digit_at: float = 0.0
    waiting: list[Taken] = field(default_factory=list)
    working: asyncio.Future[None] | None = None
    # It ended by itself; nobody has asked for its end yet.
    ended: bool = False


class Tap:
    """What one side says, for a recording; implements media.side.Sink."""

    def __init__(self, recording: _Recording, number: int, player: Player) -> None:
        self._recording = recording
        self._number = number
        self._player = player

    def put(self, length: int, kind: int, now: float) -> None:
        side = self._recording.sides[self._number]
        agreement, buffer, payload = side.agreement, side.buffer, b""
        if agreement is None:
            return
        first, second, sequence, timestamp, source = _HEADER.unpack_from(buffer)
        if self._is_heard(side):
            offset = HEADER_SIZE if first == 0x80 else payload_offset(buffer, length)
            payload = bytes(buffer[offset : payload_end(buffer, length)])
        packet = Packet(payload, timestamp, kind, second >= 0x80)
        if kind == EVENT:
            self._recording.digit_at = now
        if len(self._recording.waiting) <= MAX_WAITING:
            taken = Taken(self._number, now, agreement, source, sequence, packet)
            self._recording.waiting.append(taken)

    def _is_heard(self, side: Side) -> bool:
        other = side.other
        return other is not None and not self._player.mutes(other)


class Recorder:
    """The recordings of one engine, by their names."""

    def __init__(self, bridge: Bridge, player: Player, tell: Callable[[Unrecorded], None]) -> None:
        self._bridge = bridge
        self._player = player
        self._tell = tell
        self._recordings: dict[str, _Recording] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def record(
        self, name: str, sides: tuple[Side, Side], phones: tuple[Side, ...], path: str, key: bytes
    ) -> None:
        """Begin a recording, or go on with these sides; see MediaEngine.record."""
        known = self._recordings.get(name)
        if known is not None:
            self._take_from(known, sides, phones)
            return
        self._bridge.take_places(RECORDING)
        try:
            file = await self._open(path, key)
        except BaseException:
            self._bridge.places.give_back(RECORDING)
            raise
        tape = Tape(secrets.randbits(32), time.monotonic())
        made = self._recordings[name] = _Recording(tape, file, sides)
        self._take_from(made, sides, phones)
        self._work()

    async def stop(self, name: str) -> Recorded | None:
        """End a recording, whoever waits for that; see MediaEngine.stop_recording."""
        recording = self._recordings.pop(name, None)
        if recording is None:
            return None
        return await asyncio.shield(self._begin(self._finish(recording)))

    async def aclose(self) -> None:
        """End all recordings."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.gather(*map(self.stop, list(self._recordings)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._thread.shutdown()

    def _take_from(
        self, recording: _Recording, sides: tuple[Side, Side], phones: tuple[Side, ...]
    ) -> None:
        if recording.ended:
            return
        self._let_go(recording)
        recording.sides = sides
        # Not at once: a digit may be on its way.
        soon = time.monotonic() + _DIGIT_SECONDS
        recording.tones = {phone: recording.tones.get(phone, soon) for phone in phones}
        for number, side in enumerate(sides):
            side.tap = Tap(recording, number, self._player)

    @staticmethod
    def _let_go(recording: _Recording) -> None:
        for side in recording.sides:
            side.tap = None

    async def _open(self, path: str, key: bytes) -> SealedWriter:
        opening = self._run(partial(SealedWriter, path, key))
        try:
            return await asyncio.shield(opening)
        except OSError as error:
            raise MediaError(f"the recording's file cannot be made: {error.strerror}") from error
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise

    async def _finish(self, recording: _Recording) -> Recorded | None:
        self._let_go(recording)
        if not recording.ended:
            self._bridge.places.give_back(RECORDING)
        if recording.working is not None:
            await asyncio.wait([recording.working])
        try:
            await self._run(partial(_finish, recording, recording.waiting, time.monotonic()))
        except OSError as error:
            log.warning("a recording could not be given its end: %s", error)
            return None
        return Recorded(round(recording.tape.seconds, 3), recording.file.size)

    def _run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _work(self) -> None:
        """Give each recording's packets to the thread, one piece of work of each at a time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        for recording in list(self._recordings.values()):
            if not recording.ended:
                self._work_on(recording, now)
        if self._recordings:
            self._timer = asyncio.get_running_loop().call_later(WORK_SECONDS, self._work)

    def _work_on(self, recording: _Recording, now: float) -> None:
        if len(recording.waiting) > MAX_WAITING:
            self._fail(recording, "the machine does not keep up with the recording")
            return
        if recording.working is not None and not recording.working.done():
            return
        error = recording.working.exception() if recording.working is not None else None
        if error is not None:
            reason = error.strerror if isinstance(error, OSError) else "an error of ours"
            log.error("a recording failed", exc_info=error)
            self._fail(recording, f"the recording cannot be written: {reason}")
            return
        waiting, recording.waiting = recording.waiting, []
        recording.working = self._run(partial(_write, recording, waiting, now))
        if now < recording.digit_at + _DIGIT_SECONDS:
            return
        for phone, due in recording.tones.items():
            if now >= due and self._may_be_told(phone):
                recording.tones[phone] = now + TONE_EVERY_SECONDS
                self._begin(self._sound_tone(phone))

    def _fail(self, recording: _Recording, why: str) -> None:
        """The call goes on; what is recorded so far is kept."""
        self._let_go(recording)
        recording.ended = True
        recording.waiting.clear()
        self._bridge.places.give_back(RECORDING)
        self._tell(Unrecorded(recording.sides[0].leg, why))

    def _may_be_told(self, phone: Side) -> bool:
        """Who hears music waits, and speaks to nobody."""
        return phone.other is not None and self._player.playing(phone) is None

    async def _sound_tone(self, phone: Side) -> None:
        """In place of what the peer would hear."""
        # Looked at again: a hold may have come first, and must not end with the tone.
        if not self._may_be_told(phone):
            return
        try:
            await self._player.play(phone, TONE)
            await asyncio.sleep(TONE_SECONDS)
        finally:
            if self._player.playing(phone) == TONE:
                self._player.forget(phone)


def _close_unwanted(opening: asyncio.Future[SealedWriter]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _write(recording: _Recording, taken: list[Taken], now: float) -> None:
    for each in taken:
        recording.tape.hear(each)
    recording.file.write(recording.tape.pages(now))


def _finish(recording: _Recording, taken: list[Taken], now: float) -> None:
    """Write what is left, if the disk takes it, and the end in any case."""
    file = recording.file
    try:
        try:
            for each in taken:
                recording.tape.hear(each)
            file.write(b"" if recording.ended else recording.tape.pages(now, ends=True))
        except OSError:
            recording.ended = True
        if recording.ended:
            file.drop_pending()
        file.finish()
    finally:
        file.close()
