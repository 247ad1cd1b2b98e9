"""How well a stream arrives: ours to the peer by its reports, the peer's to us by counting."""

import struct
from collections import deque

from media.engine import Direction
from media.fields import IncomingFields
from media.quality import opinion
from media.rtcp import Block, Reply, SenderInfo, middle, round_trip

_HEADER = struct.Struct("!BBHII")
_WORD = 0xFFFFFFFF
_SIGN = 0x80000000
# RFC 3550, appendix A.1: a sequence number further off than these is a source that began anew.
MAX_DROPOUT = 3000
MAX_MISORDER = 100
# How many of those that are missing are remembered, to tell a late one from a repeated one.
_MOST_ABSENT = 64


class Incoming(IncomingFields):
    """What came in from one peer, over all its sources: how many, how many are missing, how evenly.

    A source is a sequence of numbers without a break: a new SSRC or a jump begins another.
    """

    __slots__ = (
        "_absent",
        "_gaps",
        "_missed",
        "_first",
        "_told_expected",
        "_told_here",
        "_sender",
        "_asked",
    )

    def __init__(self) -> None:
        self.received = 0
        self.late = 0
        self._absent: deque[int] = deque(maxlen=_MOST_ABSENT)
        self._gaps = 0
        self._missed = 0
        self._rate = 8000
        self._source = -1
        self._first = 0
        self._highest = 0
        self._here = 0
        # By how much the last timed packet was behind its timestamp, if there was one.
        self._transit = 0
        self._timed = False
        # In 1/16 of a timestamp unit, as appendix A.8 keeps it.
        self._jitter = 0
        # What the report before spoke of.
        self._told_expected = 0
        self._told_here = 0
        # Who sent the last sender report, the middle of its NTP time, and when it came.
        self._sender = (-1, 0, 0.0)
        # Who asked last for a reply, the middle of its NTP time, and when it came.
        self._asked: tuple[int, int, float] | None = None

    @property
    def lost(self) -> int:
        """Expected minus received (RFC 3550, A.3), never below 0: repeats do not heal losses."""
        return self._missed + max(0, self._expected - self._here)

    @property
    def jitter(self) -> float:
        """The interarrival jitter in seconds."""
        return self._jitter / 16 / self._rate

    def set_clock_rate(self, rate: int) -> None:
        """The codec's clock rate, in which the peer stamps its packets."""
        if rate != self._rate:
            self._rate, self._timed, self._jitter = rate, False, 0

    def note(self, packet: bytearray, now: float, *, timed: bool = True) -> None:
        """Count a packet; one whose timestamp says when an event began is not `timed`."""
        _, _, sequence, timestamp, source = _HEADER.unpack_from(packet)
        self.received += 1
        step = (sequence - self._highest) & 0xFFFF
        if source != self._source or MAX_DROPOUT < step < 0x10000 - MAX_MISORDER:
            self._begin(source, sequence)
        elif step == 1:
            self._highest += 1
        elif step < 0x8000:
            self._skip(step)
        else:
            self._hear_late(sequence)
        self._here += 1
        if timed:
            self._time(int(now * self._rate) - timestamp)

    def hear(self, source: int, sender: SenderInfo, now: float) -> None:
        """Take a sender report of the peer."""
        self._sender = (source, middle(sender.ntp), now)

    def hear_asked(self, source: int, ntp: int, now: float) -> None:
        """Take the peer's wish to learn the round trip."""
        self._asked = (source, middle(ntp), now)

    def reply(self, now: float) -> Reply | None:
        """What to tell a peer that asked; the same once more, in case a report was lost."""
        if self._asked is None:
            return None
        source, asked, heard_at = self._asked
        return Reply(source, asked, round((now - heard_at) * 65536))

    @property
    def asks(self) -> bool:
        """Whether the peer speaks of round trips, and so may be asked for them."""
        return self._asked is not None

    def block(self, now: float) -> Block | None:
        """What to tell the peer (sections 6.4.1, A.3); None when nothing came since the last."""
        here = self._here - self._told_here
        if not here:
            return None
        expected = self._expected - self._told_expected
        self._told_expected, self._told_here = self._expected, self._here
        fraction = min(max(0, expected - here) * 256 // max(1, expected), 255)
        sender, last_report, heard_at = self._sender
        delay = round((now - heard_at) * 65536)
        if sender != self._source:
            last_report = delay = 0
        return Block(
            source=self._source,
            fraction=fraction,
            lost=self._expected - self._here,
            highest=self._highest & _WORD,
            jitter=self._jitter >> 4,
            last_report=last_report,
            delay=delay,
        )

    def direction(self, trip: float | None) -> Direction:
        """The figures so far; `trip` is the round trip in seconds, if it is known."""
        expected = self.received + self.lost
        return Direction(
            packets=self.received,
            lost=self.lost,
            jitter_ms=_milliseconds(self.jitter),
            mos=self._opinion(self.lost / expected, trip) if self.received else None,
            late=self.late,
        )

    def _opinion(self, loss: float, trip: float | None) -> float:
        # BurstR (G.107, 7.6): by chance a run is 1 / (1 - loss) long.
        run = self.lost / self._gaps if self._gaps else 1.0
        return opinion(loss, self.jitter, trip, bursts=max(1.0, run * (1 - loss)))

    @property
    def _expected(self) -> int:
        return self._highest - self._first + 1 if self._here else 0

    def _skip(self, step: int) -> None:
        """Go on to a number that is not the next; the same one again is a repeated packet."""
        if step > 1:
            self._gaps += 1
            first = max(1, step - _MOST_ABSENT)
            self._absent.extend((self._highest + n) & 0xFFFF for n in range(first, step))
        self._highest += step

    def _hear_late(self, sequence: int) -> None:
        if sequence in self._absent:
            self._absent.remove(sequence)
            self.late += 1

    def _begin(self, source: int, sequence: int) -> None:
        if self._here:
            self._missed = self.lost
        self._source = source
        self._first = self._highest = sequence
        self._here = self._told_here = self._told_expected = 0
        self._absent.clear()
        self._timed = False

    def _time(self, transit: int) -> None:
        """Appendix A.8; a step of a second or more is a clock that was set, and no jitter."""
        if self._timed:
            change = abs(((transit - self._transit + _SIGN) & _WORD) - _SIGN)
            if change < self._rate:
                self._jitter += change - ((self._jitter + 8) >> 4)
        self._transit, self._timed = transit, True


class Delivery:
    """What the peer says of our stream: what it lost, how evenly it came, how far away it is."""

    def __init__(self, source: int, sequence: int) -> None:
        """Our SSRC, and the number before the stream's first."""
        self._source = source
        self._sequence = sequence
        self._rate = 8000
        self._last: Block | None = None
        self.round_trip: float | None = None

    def set_clock_rate(self, rate: int) -> None:
        """The codec's clock rate, in which the peer counts jitter."""
        self._rate = rate

    @property
    def loss(self) -> float:
        """What part the peer lost between its last two reports."""
        return self._last.fraction / 256 if self._last is not None else 0.0

    def hear(self, block: Block, now_ntp: int) -> None:
        """Take a block of the peer's report; those on other streams are not for us."""
        if block.source == self._source:
            self._last = block
            self._note_trip(round_trip(block, now_ntp))

    def hear_reply(self, reply: Reply, now_ntp: int) -> None:
        """Take the answer to what we asked; those to others are not for us."""
        if reply.source == self._source:
            self._note_trip(round_trip(reply, now_ntp))

    def _note_trip(self, trip: float | None) -> None:
        self.round_trip = self.round_trip if trip is None else trip

    def direction(self, sent: int) -> Direction:
        """The figures so far of `sent` packets; only their number is known before a report."""
        if self._last is None:
            return Direction(packets=sent, lost=None, jitter_ms=None, mos=None)
        lost, jitter = max(0, self._last.lost), self._last.jitter / self._rate
        # What the peer says need not make sense: it lost no more than there was.
        expected = max(1, lost, self._last.highest - self._sequence)
        return Direction(
            packets=sent,
            lost=lost,
            jitter_ms=_milliseconds(jitter),
            mos=opinion(lost / expected, jitter, self.round_trip) if sent else None,
        )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
