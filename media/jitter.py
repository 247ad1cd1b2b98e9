"""The order of one peer's packets: each is held only while one before it may still come."""

from dataclasses import dataclass
from typing import NamedTuple

from media.reception import MAX_DROPOUT, MAX_MISORDER

FLOOR_SECONDS = 0.002
CEILING_SECONDS = 0.1
"""The least and the most that a packet waits for the one before it."""
MAX_HELD = 32

_WORD = 0xFFFFFFFF
_SIGN = 0x80000000
_HALF = 0x8000
_HISTORY = (1 << 128) - 1
# The base of lateness is the quickest packet of the last one to two windows, so that it follows a
# drifting or set clock; the peak of lateness is forgotten by this part a packet, half in 7 s, and
# the next peak may be a little higher.
_WINDOW_SECONDS = 2.0
_FORGET = 1 / 512
_MARGIN = 1.1
_USUAL_FRAME = 0.02


class Packet(NamedTuple):
    """A packet in its order; `lost` packets are missing right before it.

    `begins`: the first of a source, its numbers and time say nothing about those before it.
    """

    payload: bytes
    timestamp: int
    kind: int
    marker: bool
    lost: int = 0
    begins: bool = False

    def after(self, lost: int) -> "Packet":
        """The same, with so many missing before it."""
        return self._replace(lost=lost)

    def beginning(self) -> "Packet":
        """The same, as the first of a source."""
        return self._replace(begins=True)


@dataclass(slots=True)
class Tally:
    """What became of one peer's sound on its way into another codec, since the leg was opened."""

    late: int = 0
    """Packets that came when they were no longer waited for."""
    duplicates: int = 0
    concealed_ms: float = 0.0
    """Sound made up for lost packets, that which their successors' FEC gave back included."""


class Lateness:
    """How much later than the quickest ones a peer's packets come, at most, these seconds."""

    __slots__ = ("peak", "_rate", "_last", "_time", "_windows", "_window_began")

    def __init__(self, rate: int) -> None:
        self.peak = FLOOR_SECONDS
        self._rate = rate
        self._last = 0
        # The stamps of the packets, unwrapped and in seconds.
        self._time = 0.0
        # The quickest transit of this window and of the one before it.
        self._windows = (0.0, 0.0)
        self._window_began = -1.0

    def note(self, timestamp: int, now: float) -> None:
        """Take the stamp and the arrival of a packet."""
        if self._window_began < 0:
            self.restart(timestamp, now)
            return
        self._time += (((timestamp - self._last + _SIGN) & _WORD) - _SIGN) / self._rate
        self._last = timestamp
        transit = now - self._time
        this, before = self._windows
        if now - self._window_began >= _WINDOW_SECONDS:
            self._window_began = now
            this, before = transit, this
        elif transit < this:
            this = transit
        self._windows = (this, before)
        late = transit - min(this, before)
        if late > self.peak:
            self.peak = min(late, CEILING_SECONDS)
        else:
            self.peak = max(self.peak + (late - self.peak) * _FORGET, FLOOR_SECONDS)

    def restart(self, timestamp: int, now: float) -> None:
        """A source begins, whose stamps have no relation to those before."""
        self._last, self._time = timestamp, 0.0
        self._windows = (now, now)
        self._window_began = now

    def latest(self, timestamp: int) -> float:
        """When a packet of this stamp will have come, if it comes."""
        ahead = ((timestamp - self._last + _SIGN) & _WORD) - _SIGN
        return min(self._windows) + self._time + ahead / self._rate + self.peak * _MARGIN


class JitterBuffer:
    """Puts packets in order and says what is missing; what is in order is not held at all.

    It does not even out how the packets come: the peer at the end does, for the whole way, and
    two such buffers in a row would add their delays. So there is nothing that a drifting clock
    could fill. A packet that overtook another waits for it as long as the network's jitter of
    late makes it likely to come, `CEILING_SECONDS` at most.
    """

    __slots__ = (
        "due",
        "tally",
        "_lateness",
        "_source",
        "_next",
        "_last",
        "_frame",
        "_lost",
        "_played",
        "_held",
    )

    def __init__(self, rate: int, tally: Tally) -> None:
        """`rate` is the clock rate of the packets' timestamps."""
        # When `poll` has something to give though nothing came; None: not before a packet comes.
        self.due: float | None = None
        self.tally = tally
        self._lateness = Lateness(rate)
        self._source = -1
        self._next = 0
        # The stamp of the packet last given, and what a packet's sound lasts.
        self._last = 0
        self._frame = round(_USUAL_FRAME * rate)
        self._lost = 0
        # Which of the 128 numbers before `next` were given, the newest in bit 0.
        self._played = 0
        self._held: dict[int, tuple[Packet, float]] = {}

    @property
    def held(self) -> int:
        """How many packets wait for one before them."""
        return len(self._held)

    @property
    def patience(self) -> float:
        """How much later than the quickest packets come, at most, of late; in seconds."""
        return self._lateness.peak

    def put(
        self, source: int, sequence: int, packet: Packet, now: float, *, timed: bool
    ) -> list[Packet]:
        """Take a packet; returns what is in order by now.

        One whose timestamp says when an event began is not `timed`.
        """
        ahead = (sequence - self._next) & 0xFFFF
        if source != self._source or MAX_DROPOUT < ahead < 0x10000 - MAX_MISORDER:
            return self._begin(source, sequence, packet, now)
        if timed:
            self._lateness.note(packet.timestamp, now)
        if ahead >= _HALF:
            if self._played >> (0xFFFF - ahead) & 1:
                self.tally.duplicates += 1
            else:
                self.tally.late += 1
            return []
        if ahead == 0 and not self._held:
            return [self._give(packet)]
        if sequence in self._held:
            self.tally.duplicates += 1
            return []
        self._held[sequence] = (packet, now)
        return self.poll(now)

    def poll(self, now: float) -> list[Packet]:
        """What is in order by `now`, and what will not be waited for any longer."""
        given: list[Packet] = []
        while self._held:
            first = min(self._held, key=lambda number: (number - self._next) & 0xFFFF)
            missing = (first - self._next) & 0xFFFF
            packet, came = self._held[first]
            if missing:
                self.due = self._deadline(packet, came)
                if now < self.due and len(self._held) <= MAX_HELD:
                    return given
                self._lost += missing
                self._next = first
                self._played = self._played << missing & _HISTORY
            del self._held[first]
            given.append(self._give(packet))
        self.due = None
        return given

    def _give(self, packet: Packet) -> Packet:
        if self._lost:
            packet = packet.after(self._lost)
            self._lost = 0
        else:
            step = (packet.timestamp - self._last) & _WORD
            if 0 < step <= 6 * self._frame:
                self._frame = step
        self._last = packet.timestamp
        self._next = (self._next + 1) & 0xFFFF
        self._played = (self._played << 1 | 1) & _HISTORY
        return packet

    def _deadline(self, first: Packet, came: float) -> float:
        """Until when the packet just before `first` may be expected."""
        latest = self._lateness.latest(first.timestamp - self._frame)
        return min(max(latest, came + FLOOR_SECONDS), came + CEILING_SECONDS)

    def _begin(self, source: int, sequence: int, packet: Packet, now: float) -> list[Packet]:
        """Another source: give what is left of the one before, then its first."""
        order = sorted(self._held, key=lambda number: (number - self._next) & 0xFFFF)
        left = [self._held[number][0] for number in order]
        self._held.clear()
        self.due = None
        self._source, self._next, self._lost, self._played = source, sequence, 0, 0
        self._lateness.restart(packet.timestamp, now)
        return [*left, self._give(packet.beginning())]
