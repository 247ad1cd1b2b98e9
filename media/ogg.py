"""Opus in Ogg (RFC 3533, RFC 7845): two voices, each a mono stream of its own, in one file."""

import struct
import zlib

CLOCK_RATE = 48_000
"""Of granule positions, whatever the rate of the sound that was encoded."""
PRE_SKIP = 312
"""What libopus' encoder at 16 kHz delays the sound by, in 48 kHz; players leave it out."""
FRAME_TICKS = 960
"""20 ms."""

_PAGE = struct.Struct("<4sBBqIIIB")
_CHECKSUM_AT = 22
_BEGINS, _ENDS = 2, 4
_MOST_SEGMENTS = 255
# Ogg's checksum reads bits the other way round than zlib does (RFC 3533, section 6).
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ONES = 0xFFFFFFFF


class OggWriter:
    """Makes the pages of one file; what it returns is to be written in that order.

    Channel mapping family 1 with two streams of which none is coupled (RFC 7845, section
    5.1.1.2): left is the first stream, right the second, and neither can leak into the other.
    """

    def __init__(self, serial: int) -> None:
        self._serial = serial
        self._number = 0
        self._granule = 0
        self._table = bytearray()
        self._body = bytearray()

    @property
    def seconds(self) -> float:
        """What all packets so far last."""
        return max(0, self._granule - PRE_SKIP) / CLOCK_RATE

    def headers(self, rate: int) -> bytes:
        """The two pages that begin the file; `rate` is of the sound that was encoded."""
        head = struct.pack("<8sBBHIhB", b"OpusHead", 1, 2, PRE_SKIP, rate, 0, 1)
        head += bytes([2, 0, 0, 1])
        vendor = b"WSPhone"
        tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", 0)
        return self._header(head, _BEGINS) + self._header(tags, 0)

    def put(self, left: bytes, right: bytes) -> bytes:
        """Take the opus packets of 20 ms, one a side; returns the page that got full, if any."""
        packet = delimited(left) + right
        laces = len(packet) // 255 + 1
        page = self.flush() if len(self._table) + laces > _MOST_SEGMENTS else b""
        self._table += b"\xff" * (laces - 1) + bytes([len(packet) % 255])
        self._body += packet
        self._granule += FRAME_TICKS
        return page

    def flush(self, *, ends: bool = False) -> bytes:
        """The page of what was put since the last one; the file's last one if it `ends`."""
        if not self._table and not ends:
            return b""
        table, body = bytes(self._table), bytes(self._body)
        page = self._page(table, body, self._granule, _ENDS if ends else 0)
        self._table, self._body = bytearray(), bytearray()
        return page

    def _header(self, packet: bytes, kind: int) -> bytes:
        return self._page(bytes([len(packet)]), packet, 0, kind)

    def _page(self, table: bytes, body: bytes, granule: int, kind: int) -> bytes:
        head = _PAGE.pack(b"OggS", 0, kind, granule, self._serial, self._number, 0, len(table))
        self._number += 1
        page = bytearray(head + table + body)
        page[_CHECKSUM_AT : _CHECKSUM_AT + 4] = checksum(page).to_bytes(4, "little")
        return bytes(page)


def delimited(packet: bytes) -> bytes:
    """A packet of one frame with its length inside, as all but the last stream's need.

    RFC 6716, appendix B and section 3.2.1; ValueError for one of several frames.
    """
    if not packet or packet[0] & 3:
        raise ValueError("only opus packets of one frame can stand before another one")
    size = len(packet) - 1
    if size < 252:
        return packet[:1] + bytes([size]) + packet[1:]
    first = 252 + (size & 3)
    return packet[:1] + bytes([first, (size - first) >> 2]) + packet[1:]


def checksum(page: bytes | bytearray) -> int:
    """CRC-32 as Ogg has it: not mirrored, and neither its start nor its end inverted."""
    mirrored = zlib.crc32(page.translate(_MIRROR), _ONES) ^ _ONES
    return int(f"{mirrored:032b}"[::-1], 2)


def seconds_of(pages: bytes) -> float:
    """What a file lasts, by the last whole page in this piece of its end; 0 without any."""
    end = len(pages)
    while (at := pages.rfind(b"OggS", 0, end)) >= 0:
        if at + _PAGE.size <= len(pages):
            fields = _PAGE.unpack_from(pages, at)
            table = pages[at + _PAGE.size : at + _PAGE.size + fields[7]]
            size = _PAGE.size + len(table) + sum(table)
            page = bytearray(pages[at : at + size])
            page[_CHECKSUM_AT : _CHECKSUM_AT + 4] = bytes(4)
            if len(page) == size and len(table) == fields[7] and checksum(page) == fields[6]:
                return max(0, int(fields[3]) - PRE_SKIP) / CLOCK_RATE
        end = at
    return 0.0
