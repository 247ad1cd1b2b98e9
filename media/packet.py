"""RTP packets (RFC 3550): checks, and one outgoing stream that never jumps backwards."""

import struct

from media.fields import OutgoingFields
from media.reception import MAX_DROPOUT, MAX_MISORDER

MAX_PACKET = 1500
# What a payload type stands for; plain numbers, since an Enum costs more than all else on the way.
UNKNOWN, AUDIO, EVENT, NOISE = range(4)
HEADER_SIZE = 12

_HEADER = struct.Struct("!BBHII")
_MARKER = 0x80
_PADDED = 0x20
_VERSION_2 = 0x80
_PLAIN_FIRST_BYTE = 0x80
_FRAME_SECONDS = 0.02
_LEAP_SECONDS = 2


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


def payload_end(packet: bytearray, length: int) -> int:
    """Where the payload of an RTP packet ends: before its padding (section 5.1)."""
    return max(HEADER_SIZE, length - packet[length - 1]) if packet[0] & _PADDED else length


class Outgoing(OutgoingFields):
    """The one RTP stream that a peer hears: our SSRC, numbers that go on over every change.

    Sources come and go (a joined leg, its new SSRC, digits that we send ourselves); each is
    shifted by an offset so that it follows the packet before it.
    """

    __slots__ = ()

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

    @property
    def sequence(self) -> int:
        """The number of the last packet; before the first one, that of none."""
        return self._sequence

    @property
    def timestamp(self) -> int:
        """That of the newest audio; before the first packet, the one it will have."""
        return self._timestamp

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
        begins = source != self._from or MAX_DROPOUT < step < 0x10000 - MAX_MISORDER
        if begins or (step < 0x8000 and self._was_set(timestamp, now)):
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
            # An event's packets all carry the time of its beginning.
            if timestamp != self._timestamp or not self._at:
                self._timestamp = timestamp
                self._at = now
        kind = second & _MARKER | payload_type
        _HEADER.pack_into(packet, 0, first, kind, number, timestamp, self.source)

    def timestamp_at(self, now: float) -> int:
        """The running timestamp: the last packet's and the time since."""
        if not self._begun:
            return self._timestamp
        return (self._timestamp + round((now - self._at) * self._rate)) & 0xFFFFFFFF

    def next_timestamp(self, now: float) -> int:
        """That of sound which begins now: by the time that passed, a frame at the least."""
        if not self._begun:
            return self._timestamp
        passed = round(max(now - self._at, _FRAME_SECONDS) * self._rate)
        return (self._timestamp + passed) & 0xFFFFFFFF

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

    def write_audio_header(
        self, packet: bytearray, payload_type: int, timestamp: int, now: float, *, marker: bool
    ) -> None:
        """Write the header of audio made here; whatever source comes next follows it."""
        self._timestamp = timestamp & 0xFFFFFFFF
        self.write_header(packet, payload_type, self._timestamp, now, marker=marker)
        self._at = now
        self.forget_source()

    def _was_set(self, timestamp: int, now: float) -> bool:
        """Whether the source's clock was set: it leapt, and not by the time that passed."""
        leap = _LEAP_SECONDS * self._rate
        step = (timestamp + self._timestamp_shift - self._timestamp) & 0xFFFFFFFF
        if leap < step < 0x100000000 - leap:
            # Beyond half the range it leapt backwards.
            step -= (step & 0x80000000) << 1
            return abs(step - (now - self._at) * self._rate) > leap
        return False

    def _follow(self, source: int, sequence: int, timestamp: int, now: float) -> None:
        """Shift a new source so that it follows the last packet, by the time that passed."""
        self._timestamp_shift = self.next_timestamp(now) - timestamp
        self._sequence_shift = self._sequence + 1 - sequence
        self._begun = True
        self._from = source
