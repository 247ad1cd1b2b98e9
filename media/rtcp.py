"""RTCP (RFC 3550, section 6): which packets prove that a peer lives, and our goodbye."""

import struct

_RECEIVER_REPORT = 201
_SOURCE_DESCRIPTION = 202
_GOODBYE = 203
_KINDS = range(192, 224)
_CNAME = 1
_MAX_SOURCES = 31


def proves_life(packet: bytes | bytearray | memoryview) -> bool:
    """Whether a compound packet is well-formed and comes from a peer that stays.

    It begins with a report, unless it is of reduced size (RFC 5506), and holds no BYE.
    """
    offset, kinds = 0, []
    while offset < len(packet):
        if len(packet) - offset < 4 or packet[offset] & 0xC0 != 0x80:
            return False
        kinds.append(packet[offset + 1])
        offset += 4 + 4 * int.from_bytes(packet[offset + 2 : offset + 4], "big")
    if offset != len(packet):
        return False
    return bool(kinds) and all(kind in _KINDS for kind in kinds) and _GOODBYE not in kinds


def goodbye(source: int, cname: str) -> bytes:
    """The compound packet that ends our stream: an empty report, our name, BYE (section 6.6)."""
    name = cname.encode()[:255]
    chunk = struct.pack("!IBB", source, _CNAME, len(name)) + name
    chunk += bytes(4 - len(chunk) % 4)
    return b"".join(
        (
            _header(0, _RECEIVER_REPORT, 4) + struct.pack("!I", source),
            _header(1, _SOURCE_DESCRIPTION, len(chunk)) + chunk,
            _header(1, _GOODBYE, 4) + struct.pack("!I", source),
        )
    )


def _header(count: int, kind: int, size: int) -> bytes:
    return struct.pack("!BBH", 0x80 | count & _MAX_SOURCES, kind, size // 4)
