"""What sides hear instead of whom they are joined to: music, by one timer for all, or nothing."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from media.engine import SILENCE
from media.music import TONE, Programme, Tune
from media.negotiate import Agreement
from media.packet import EVENT
from media.side import Side, Sink
from signaling.shared.errors import MediaError, OperatorError

log = logging.getLogger(__name__)

OWN_SECONDS = 0.5
"""How long after its last packet a phone that holds counts as playing music of its own."""
LATE_SECONDS = 0.2
"""A timer that comes later leaves out what it missed: nobody wants it in one go."""


class Gate:
    """Stands before a side that is played to, in place of it: the joined side is not heard.

    A phone that only sends, by its description, passes where music plays: it plays its own.
    """

    __slots__ = ("sink", "passed_at", "is_open", "gives_way", "_holder")

    def __init__(
        self,
        holder: Side,
        sink: Sink | None,
        *,
        is_open: bool,
        gives_way: Callable[[], None] | None = None,
    ) -> None:
        """`gives_way` takes the gate away when a digit comes, which must not be cut."""
        self.sink = sink
        self.is_open = is_open
        self.gives_way = gives_way
        self.passed_at = 0.0
        self._holder = holder

    def put(self, length: int, kind: int, now: float) -> None:
        agreement = self._holder.agreement
        if kind == EVENT and self.gives_way is not None:
            self.gives_way()
            if self.sink is not None:
                self.sink.put(length, kind, now)
        elif self.is_open and agreement is not None and agreement.peer_only_sends:
            self.passed_at = now
            if self.sink is not None:
                self.sink.put(length, kind, now)


@dataclass(slots=True, eq=False)
class _Listener:
    side: Side
    source: str
    gate: Gate | None = None
    # What it speaks, and what is played to it by that; None until there is music to be heard.
    agreement: Agreement | None = None
    channel: "_Channel | None" = None
    timestamp: int | None = None


class _Channel:
    """One programme and those who hear it."""

    def __init__(self, programme: Programme) -> None:
        self.programme = programme
        self.listeners: list[_Listener] = []
        self.due = 0.0


class Player:
    """Plays to the sides of one engine."""

    def __init__(self) -> None:
        self._listeners: dict[Side, _Listener] = {}
        self._tunes: dict[str, Tune] = {}
        self._channels: dict[tuple[str, str, int], _Channel] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def play(self, side: Side, source: str | None) -> None:
        """Let a side hear a file or SILENCE from now on; None ends it. See MediaEngine.

        What it is joined to falls silent at once; raises MediaError for a file that is no music.
        """
        self.forget(side)
        if source is None:
            return
        listener = self._listeners[side] = _Listener(side, source)
        self._close_gate(listener)
        if source == SILENCE:
            return
        if source not in self._tunes:
            try:
                self._tunes[source] = await asyncio.to_thread(Tune.read, source)
            except OperatorError as error:
                raise MediaError(str(error)) from error
        # It may have been ended, or begun anew, while the file was read.
        if self._listeners.get(side) is listener and listener.channel is None:
            self._tune_in(listener, time.monotonic())

    def joined(self, *sides: Side) -> None:
        """Sides were joined to others: those that are played to do not hear them."""
        for listener in [self._listeners[side] for side in sides if side in self._listeners]:
            self._close_gate(listener)
            if listener.agreement is not listener.side.agreement:
                self._tune_in(listener, time.monotonic())

    def playing(self, side: Side) -> str | None:
        """What a side is played in place of whom it is joined to."""
        listener = self._listeners.get(side)
        return None if listener is None else listener.source

    def mutes(self, side: Side) -> bool:
        """Whether a side does not hear whom it is joined to, for longer than a tone."""
        return self.playing(side) not in (None, TONE)

    def rests(self, side: Side) -> bool:
        """Whether a side may be silent: somebody is played to."""
        return self.mutes(side) or (side.other is not None and self.mutes(side.other))

    def forget(self, side: Side) -> None:
        """Play nothing more to a side: it hears whom it is joined to."""
        listener = self._listeners.pop(side, None)
        if listener is None:
            return
        self._tune_out(listener)
        gate, other = listener.gate, side.other
        if gate is not None and other is not None and other.sink is gate:
            other.sink = gate.sink
            side.stream.forget_source()

    def stop(self) -> None:
        """Play nothing to anybody."""
        for side in list(self._listeners):
            self.forget(side)

    def _close_gate(self, listener: _Listener) -> None:
        other = listener.side.other
        if other is not None and other.sink is not listener.gate:
            is_open = listener.source != SILENCE
            gives_way = partial(self.forget, listener.side) if listener.source == TONE else None
            listener.gate = other.sink = Gate(
                other, other.sink, is_open=is_open, gives_way=gives_way
            )

    def _tune_in(self, listener: _Listener, now: float) -> None:
        agreement = listener.side.agreement
        self._tune_out(listener)
        if agreement is None or listener.source not in self._tunes:
            return
        listener.agreement = agreement
        key = (listener.source, agreement.codec, agreement.ptime_ms)
        channel = self._channels.get(key)
        if channel is None:
            programme = Programme(self._tunes[listener.source], agreement.codec, agreement.ptime_ms)
            channel = self._channels[key] = _Channel(programme)
        if not channel.listeners:
            channel.due = now
        channel.listeners.append(listener)
        listener.channel = channel
        self._arm()

    def _tune_out(self, listener: _Listener) -> None:
        if listener.channel is not None:
            listener.channel.listeners.remove(listener)
        listener.channel = listener.timestamp = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [channel.due for channel in self._channels.values() if channel.listeners]
        if due:
            delay = max(0.0, min(due) - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        for channel in list(self._channels.values()):
            if channel.listeners and channel.due <= now:
                self._send(channel, now)
        self._arm()

    def _send(self, channel: _Channel, now: float) -> None:
        programme = channel.programme
        channel.due = max(channel.due, now - LATE_SECONDS) + programme.frame_ms / 1000
        payload = programme.next()
        for listener in list(channel.listeners):
            if listener.agreement is not listener.side.agreement:
                # What was agreed on anew may be another codec, or none that we send.
                self._tune_in(listener, now)
            else:
                _say(listener, payload, programme.frame_ms, now)


def _say(listener: _Listener, payload: bytes, frame_ms: int, now: float) -> None:
    gate, agreement, stream = listener.gate, listener.agreement, listener.side.stream
    if agreement is None or (gate is not None and now < gate.passed_at + OWN_SECONDS):
        listener.timestamp = None
        return
    begins = listener.timestamp is None
    timestamp = stream.timestamp_at(now) if listener.timestamp is None else listener.timestamp
    if payload:
        listener.side.say(payload, timestamp, now, marker=begins)
    listener.timestamp = (timestamp + agreement.clock_rate * frame_ms // 1000) & 0xFFFFFFFF
