"""RTP packets (RFC 3550): checks, loss, and one outgoing stream that never jumps backwards."""

import struct

MAX_PACKET = 1500
HEADER_SIZE = 12

_HEADER = struct.Struct("!BBHII")
_MARKER = 0x80
_VERSION_2 = 0x80
_PLAIN_FIRST_BYTE = 0x80
# RFC 3550, appendix A.1: a sequence number further off than these is a source that began anew.
_MAX_DROPOUT = 3000
_MAX_MISORDER = 100
_FRAME_SECONDS = 0.02


def is_rtcp(second_byte: int) -> bool:
    """Whether a packet on a shared port is RTCP (RFC 5761, section 4)."""
    return 192 <= second_byte <= 223


def payload_offset(packet: bytearray | bytes, length: int) -> int:
    """Where the payload begins; 0 for what is no RTP packet of `length` bytes."""
    if length < HEADER_SIZE or packet[0] & 0xC0 != _VERSION_2:
        return 0
    first = packet[0]
    offset = HEADER_SIZE
    if first != _PLAIN_FIRST_BYTE:
        offset += 4 * (first & 0x0F)
        if first & 0x10:
            if length < offset + 4:
                return 0
            offset += 4 + 4 * int.from_bytes(packet[offset + 2 : offset + 4], "big")
    return offset if offset <= length else 0


class Incoming:
    """What came in from one peer, over all its sources: how many, and how many are missing."""

    __slots__ = ("received", "_missed", "_source", "_first", "_highest", "_here")

    def __init__(self) -> None:
        self.received = 0
        self._missed = 0
        self._source = -1
        self._first = 0
        self._highest = 0
        self._here = 0

    @property
    def lost(self) -> int:
        """Expected minus received (RFC 3550, A.3), never below 0: repeats do not heal losses."""
        return self._missed + max(0, self._highest - self._first + 1 - self._here)

    def note(self, packet: bytearray) -> None:
        """Count a packet."""
        _, _, sequence, _, source = _HEADER.unpack_from(packet)
        self.received += 1
        step = (sequence - self._highest) & 0xFFFF
        if source != self._source or _MAX_DROPOUT < step < 0x10000 - _MAX_MISORDER:
            self._begin(source, sequence)
        elif step < 0x8000:
            self._highest += step
        self._here += 1

    def _begin(self, source: int, sequence: int) -> None:
        if self._here:
            self._missed = self.lost
        self._source = source
        self._first = self._highest = sequence
        self._here = 0


class Outgoing:
    """The one RTP stream that a peer hears: our SSRC, numbers that go on over every change.

    Sources come and go (a joined leg, its new SSRC, digits that we send ourselves); each is
    shifted by an offset so that it follows the packet before it.
    """

    __slots__ = (
        "source",
        "_rate",
        "_sequence",
        "_timestamp",
        "_at",
        "_from",
        "_sequence_shift",
        "_timestamp_shift",
        "_begun",
        "_renumber",
    )

    def __init__(self, *, source: int, sequence: int, timestamp: int) -> None:
        self.source = source
        self._rate = 8000
        self._sequence = sequence
        self._timestamp = timestamp
        self._at = 0.0
        self._from = -1
        self._sequence_shift = 0
        self._timestamp_shift = 0
        self._begun = False
        self._renumber = False

    def set_clock_rate(self, rate: int) -> None:
        """The codec's clock rate, in which time passes for the stream."""
        self._rate = rate

    def forget_source(self) -> None:
        """The next packet comes from elsewhere, even when its SSRC happens to be the same."""
        self._from = -1

    def rewrite(self, packet: bytearray, payload_type: int, now: float) -> None:
        """Make a source's packet, in place, the next of this stream."""
        first, second, sequence, timestamp, source = _HEADER.unpack_from(packet)
        step = (sequence + self._sequence_shift - self._sequence) & 0xFFFF
        if source != self._from or _MAX_DROPOUT < step < 0x10000 - _MAX_MISORDER:
            self._follow(source, sequence, timestamp, now)
            second |= _MARKER
            step = 1
        elif self._renumber:
            self._sequence_shift = self._sequence + 1 - sequence
            step = 1
        self._renumber = False
        timestamp = (timestamp + self._timestamp_shift) & 0xFFFFFFFF
        number = (sequence + self._sequence_shift) & 0xFFFF
        if step < 0x8000:
            self._sequence = number
            self._timestamp = timestamp
            self._at = now
        kind = second & _MARKER | payload_type
        _HEADER.pack_into(packet, 0, first, kind, number, timestamp, self.source)

    def timestamp_at(self, now: float) -> int:
        """The running timestamp: the last packet's and the time since."""
        if not self._begun:
            return self._timestamp
        return (self._timestamp + round((now - self._at) * self._rate)) & 0xFFFFFFFF

    def write_header(
        self, packet: bytearray, payload_type: int, timestamp: int, now: float, *, marker: bool
    ) -> None:
        """Write the header of a packet of our own, the next of this stream."""
        if not self._begun:
            self._begun = True
            self._at = now
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._renumber = True
        kind = (_MARKER if marker else 0) | payload_type
        _HEADER.pack_into(packet, 0, _VERSION_2, kind, self._sequence, timestamp, self.source)

    def _follow(self, source: int, sequence: int, timestamp: int, now: float) -> None:
        """Shift a new source so that it follows the last packet, by the time that passed."""
        passed = round(max(now - self._at, _FRAME_SECONDS) * self._rate) if self._begun else 0
        self._begun = True
        self._from = source
        self._sequence_shift = self._sequence + 1 - sequence
        self._timestamp_shift = self._timestamp + passed - timestamp
