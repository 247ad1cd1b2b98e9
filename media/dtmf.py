"""Digits as telephone-events (RFC 4733): sending them in order, and hearing each one once."""

import struct
from collections import deque
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
MAX_QUEUED = 64
MIN_DURATION_MS = 50
MAX_DURATION_MS = 1300

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10
_INTERVAL = 0.02
_END_PACKETS = 3
_GAP = 0.06
_MAX_FIELD = 0xFFFF
# An event whose end packets were all lost counts as over after this much silence.
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class EventPacket:
    """One packet of an event: what goes into its header, and its payload."""

    timestamp: int
    marker: bool
    payload: bytes


@dataclass(slots=True)
class _Sounding:
    code: int
    timestamp: int
    began: float
    ends_after: float
    packets: int = 0
    ends_sent: int = 0


class EventSender:
    """Sends queued digits, a packet each 20 ms, whenever `poll` is called at `due`."""

    def __init__(self) -> None:
        self.due: float | None = None
        self._rate = 8000
        self._queue: deque[tuple[int, float]] = deque()
        self._sounding: _Sounding | None = None

    def set_clock_rate(self, rate: int) -> None:
        """The clock rate in which the peer counts durations."""
        self._rate = rate

    def add(self, digits: str, duration_ms: int, now: float) -> bool:
        """Queue digits; False when they are more than the queue holds, or none of ours."""
        codes = [DIGITS.find(digit) for digit in digits.upper()]
        if -1 in codes or len(self._queue) + len(codes) > MAX_QUEUED:
            return False
        seconds = min(max(duration_ms, MIN_DURATION_MS), MAX_DURATION_MS) / 1000
        self._queue.extend((code, seconds) for code in codes)
        if self._queue and self.due is None:
            self.due = now
        return True

    def poll(self, now: float, timestamp: int) -> list[EventPacket]:
        """The packets due by `now`; an event that begins carries the audio's `timestamp`."""
        packets: list[EventPacket] = []
        while self.due is not None and self.due <= now:
            if self._sounding is None:
                self._begin(timestamp)
            packets += self._step()
        return packets

    def _begin(self, timestamp: int) -> None:
        if not self._queue or self.due is None:
            self.due = None
            return
        code, seconds = self._queue.popleft()
        self._sounding = _Sounding(code, timestamp, self.due, seconds)

    def _step(self) -> list[EventPacket]:
        event = self._sounding
        if event is None or self.due is None:
            return []
        elapsed = self.due - event.began + _INTERVAL
        # Half an interval of tolerance, or rounding could add a packet to a round duration.
        over = elapsed > event.ends_after - _INTERVAL / 2
        duration = min(round(min(elapsed, event.ends_after) * self._rate), _MAX_FIELD)
        flags = _VOLUME | (_END if over else 0)
        payload = _PAYLOAD.pack(event.code, flags, duration)
        packet = EventPacket(event.timestamp, event.packets == 0, payload)
        event.packets += 1
        event.ends_sent += over
        self.due += _INTERVAL
        if event.ends_sent == _END_PACKETS:
            self._sounding = None
            self.due += _GAP
        return [packet]


class EventReceiver:
    """Hears each event of one peer once, however often its packets are repeated."""

    def __init__(self) -> None:
        self._rate = 8000
        self._timestamp = -1
        self._code = 0
        self._duration = 0
        # The segments of this event that went before (RFC 4733, section 2.5.1.3).
        self._before = 0
        self._heard_at = 0.0
        self._open = False

    def set_clock_rate(self, rate: int) -> None:
        """The clock rate in which the peer counts durations."""
        self._rate = rate

    def hear(self, timestamp: int, payload: bytes, now: float) -> list[tuple[str, int]]:
        """The events (digit, duration in ms) that this packet completes."""
        if len(payload) < _PAYLOAD.size:
            return []
        code, flags, duration = _PAYLOAD.unpack_from(payload)
        if code >= len(DIGITS):
            return []
        finished = []
        if timestamp != self._timestamp:
            if self._is_older(timestamp):
                return []
            if self._goes_on(timestamp, code):
                self._before += _MAX_FIELD
            else:
                finished = self._finish()
                self._before = 0
            self._timestamp, self._code, self._duration = timestamp, code, 0
            self._open = True
        self._duration = max(self._duration, duration)
        self._heard_at = now
        if flags & _END:
            finished += self._finish()
        return finished

    def expire(self, now: float) -> list[tuple[str, int]]:
        """The event, if one is open, that has not been heard of for a second."""
        return self._finish() if now - self._heard_at >= _PATIENCE else []

    def _is_older(self, timestamp: int) -> bool:
        """A late packet of the event before; a jump further back is a source that began anew."""
        behind = (self._timestamp - timestamp) & 0xFFFFFFFF
        return self._timestamp >= 0 and 0 < behind < 2 * self._rate

    def _goes_on(self, timestamp: int, code: int) -> bool:
        """Whether this is the next segment of an event too long for its field."""
        step = (timestamp - self._timestamp) & 0xFFFFFFFF
        return self._open and code == self._code and step == _MAX_FIELD

    def _finish(self) -> list[tuple[str, int]]:
        if not self._open:
            return []
        self._open = False
        units = self._before + self._duration
        return [(DIGITS[self._code], round(units * 1000 / self._rate))]


class EventRelay:
    """Carries one peer's events into another stream, with its time and its unit of duration."""

    def __init__(self, *, source_rate: int, target_rate: int) -> None:
        """The clock rates of both sides' telephone-event."""
        self._source_rate = source_rate
        self._target_rate = target_rate
        self._timestamp = -1
        self._code = 0
        self._before = 0
        self._began_at = 0
        self._over = False

    def relay(self, timestamp: int, payload: bytes, running: int) -> EventPacket | None:
        """The packet to send for the peer's; `running` is the time of our stream.

        None for what is malformed, and for a late packet of an event before.
        """
        if len(payload) < _PAYLOAD.size:
            return None
        code, flags, duration = _PAYLOAD.unpack_from(payload)
        begins = False
        if timestamp != self._timestamp:
            behind = (self._timestamp - timestamp) & 0xFFFFFFFF
            if self._timestamp >= 0 and 0 < behind < 2 * self._source_rate:
                return None
            step = 0x100000000 - behind
            if step == _MAX_FIELD and code == self._code and not self._over:
                self._before += _MAX_FIELD
            else:
                begins, self._before, self._began_at = True, 0, running
            self._timestamp, self._code = timestamp, code
        self._over = bool(flags & _END)
        units = (self._before + duration) * self._target_rate // self._source_rate
        # RFC 4733, section 2.5.1.3: what is too long for the field goes on in a segment of its own.
        segments, rest = divmod(units, _MAX_FIELD)
        began = (self._began_at + segments * _MAX_FIELD) & 0xFFFFFFFF
        return EventPacket(began, begins, _PAYLOAD.pack(code, flags, rest))
