"""RTCP (RFC 3550, section 6; RFC 3611): our reports and our goodbye, and reading a peer's."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
GOODBYE = 203
EXTENDED_REPORT = 207

_KINDS = range(192, 224)
# The blocks of an extended report by which a side that only listens learns the round trip
# (RFC 3611, sections 4.4 and 4.5).
_ASK = 4
_REPLY = 5
_CNAME = 1
_MAX_COUNT = 31
_WORD = 0xFFFFFFFF
# Seconds from 1900, where NTP begins, to 1970.
_NTP_EPOCH = 2_208_988_800
# RFC 3550, section 6.3.1: e - 3/2, by which the wait would come out too short on average.
_COMPENSATION = 1.21828

_SENDER = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IIIIII")
_REPLY_BODY = struct.Struct("!III")


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What a sender tells of its stream: the same moment in NTP's time and in RTP's."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Block:
    """What a receiver tells of the stream `source`; times are in 1/65536 of a second.

    `lost` may be negative, by repeats; `fraction` is in 1/256 since the report before.
    """

    source: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to what `source` asked at `last_report`, `delay` after it came (RFC 3611, 4.5)."""

    source: int
    last_report: int
    delay: int


@dataclass(frozen=True, slots=True)
class Reports:
    """A compound packet: who sent each sender report, all blocks, and whether the peer stays.

    `asks` are the times, in NTP's 64 bits, at which each source asks for a reply.
    """

    senders: tuple[tuple[int, SenderInfo], ...]
    blocks: tuple[Block, ...]
    asks: tuple[tuple[int, int], ...]
    replies: tuple[Reply, ...]
    stays: bool


def read(packet: bytes) -> Reports | None:
    """Take a compound packet apart; None when any part of it is malformed.

    It begins with a report, unless it is of reduced size (RFC 5506); what else it holds is passed
    over. A datagram's length bounds the work.
    """
    senders: list[tuple[int, SenderInfo]] = []
    blocks: list[Block] = []
    extended: list[bytes] = []
    kinds = []
    for part in _parts(packet):
        if part is None:
            return None
        kind, count, body = part
        kinds.append(kind)
        if kind == EXTENDED_REPORT:
            extended.append(body)
        if kind not in (SENDER_REPORT, RECEIVER_REPORT):
            continue
        offset = 4 + (_SENDER.size if kind == SENDER_REPORT else 0)
        if len(body) < offset + count * _BLOCK.size:
            return None
        if kind == SENDER_REPORT:
            senders.append(
                (int.from_bytes(body[:4], "big"), SenderInfo(*_SENDER.unpack_from(body, 4)))
            )
        blocks += (_read_block(body, offset + index * _BLOCK.size) for index in range(count))
    asks, replies = _read_extended(extended)
    stays = GOODBYE not in kinds
    return Reports(tuple(senders), tuple(blocks), asks, replies, stays) if kinds else None


def report(
    source: int,
    cname: str,
    sender: SenderInfo | None,
    block: Block | None,
    *,
    asked_at: int | None = None,
    reply: Reply | None = None,
) -> bytes:
    """Our compound report: of a sender, or of one that only receives, and who we are.

    `asked_at`, our time in NTP's 64 bits, asks the peer for a reply.
    """
    body = struct.pack("!I", source)
    if sender is not None:
        body += _SENDER.pack(
            sender.ntp, sender.timestamp, sender.packets & _WORD, sender.octets & _WORD
        )
    if block is not None:
        body += _write_block(block)
    kind = RECEIVER_REPORT if sender is None else SENDER_REPORT
    extended = b""
    if asked_at is not None:
        extended += struct.pack("!BBHQ", _ASK, 0, 2, asked_at)
    if reply is not None:
        last, delay = reply.last_report, min(reply.delay, _WORD)
        extended += struct.pack("!BBH", _REPLY, 0, 3) + _REPLY_BODY.pack(reply.source, last, delay)
    compound = _packet(block is not None, kind, body) + _description(source, cname)
    if extended:
        compound += _packet(0, EXTENDED_REPORT, struct.pack("!I", source) + extended)
    return compound


def goodbye(source: int, cname: str) -> bytes:
    """The compound packet that ends our stream: an empty report, our name, BYE (section 6.6)."""
    return report(source, cname, None, None) + _packet(1, GOODBYE, struct.pack("!I", source))


def ntp_time(unix_seconds: float) -> int:
    """NTP's 64 bits: seconds since 1900 and their fraction (section 4)."""
    return round((unix_seconds + _NTP_EPOCH) * 2**32) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The middle 32 bits of NTP's 64, in which reports count time."""
    return ntp >> 16 & _WORD


def round_trip(block: Block | Reply, now_ntp: int) -> float | None:
    """Seconds to the peer and back (section 6.4.1); None when it has had no report of ours.

    The peer's rounding may make it seem negative; half the range or more is nonsense.
    """
    if not block.last_report:
        return None
    elapsed = (middle(now_ntp) - block.last_report - block.delay) & _WORD
    if elapsed >= 0xFFFF0000:
        return 0.0
    return elapsed / 65536 if elapsed < 0x80000000 else None


def next_wait(seconds: float, chance: float, *, first: bool) -> float:
    """How long to wait for the next report (section 6.3.1); `chance` is between 0 and 1.

    Two members of a call stay far below the bandwidth that reports may take: it is `seconds`, the
    least interval, that counts, spread so that reports do not fall into step, half at the start.
    """
    return (seconds / 2 if first else seconds) * (0.5 + chance) / _COMPENSATION


def _parts(packet: bytes) -> Iterator[tuple[int, int, bytes] | None]:
    """The kind, the count and the body of each packet in a compound; None for a broken end."""
    offset = 0
    while offset < len(packet):
        size = 4 + 4 * int.from_bytes(packet[offset + 2 : offset + 4], "big")
        head = packet[offset : offset + 2]
        broken = len(head) < 2 or head[0] & 0xC0 != 0x80 or head[1] not in _KINDS
        if broken or offset + max(size, 4) > len(packet):
            yield None
            return
        yield head[1], head[0] & 0x1F, packet[offset + 4 : offset + size]
        offset += size


def _read_extended(
    bodies: list[bytes],
) -> tuple[tuple[tuple[int, int], ...], tuple[Reply, ...]]:
    """What is asked and what is replied; the first broken block ends a packet's reading."""
    asks: list[tuple[int, int]] = []
    replies: list[Reply] = []
    for body in bodies:
        offset = 4
        while offset + 4 <= len(body):
            kind, size = body[offset], 4 * int.from_bytes(body[offset + 2 : offset + 4], "big")
            content = body[offset + 4 : offset + 4 + size]
            offset += 4 + size
            if offset > len(body):
                break
            if kind == _ASK and size == 8:
                asks.append((int.from_bytes(body[:4], "big"), int.from_bytes(content, "big")))
            elif kind == _REPLY and size % _REPLY_BODY.size == 0:
                replies += (Reply(*fields) for fields in _REPLY_BODY.iter_unpack(content))
    return tuple(asks), tuple(replies)


def _read_block(body: bytes, offset: int) -> Block:
    source, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, offset)
    lost = loss & 0xFFFFFF
    # 24 bits with a sign
    lost -= (lost & 0x800000) << 1
    return Block(source, loss >> 24, lost, highest, jitter, last_report, delay)


def _write_block(block: Block) -> bytes:
    lost = min(max(block.lost, -0x800000), 0x7FFFFF) & 0xFFFFFF
    return _BLOCK.pack(
        block.source,
        block.fraction << 24 | lost,
        block.highest & _WORD,
        min(block.jitter, _WORD),
        block.last_report,
        min(block.delay, _WORD),
    )


def _description(source: int, cname: str) -> bytes:
    name = cname.encode()[:255]
    chunk = struct.pack("!IBB", source, _CNAME, len(name)) + name
    return _packet(1, SOURCE_DESCRIPTION, chunk + bytes(4 - len(chunk) % 4))


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count & _MAX_COUNT, kind, len(body) // 4) + body
