"""RTCP: what we write others read, what others write we read, nonsense is told from both."""

import struct

import pytest
from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import (
    Block,
    Reply,
    SenderInfo,
    goodbye,
    middle,
    next_wait,
    ntp_time,
    read,
    report,
    round_trip,
)

REPORT = struct.pack("!BBHI", 0x80, 201, 1, 7)
SENDER_REPORT = struct.pack("!BBHI", 0x80, 200, 6, 7) + bytes(20)
BYE = struct.pack("!BBHI", 0x81, 203, 1, 7)
FEEDBACK = struct.pack("!BBHII", 0x8F, 206, 2, 7, 0)

SENDER = SenderInfo(ntp=0xE9A1B2C3D4E5F607, timestamp=0xFEDCBA98, packets=1500, octets=240000)
BLOCK = Block(
    source=0xCAFE,
    fraction=64,
    lost=1234,
    highest=0x00020007,
    jitter=160,
    last_report=0xB2C3D4E5,
    delay=65536,
)


class TestReading:
    @pytest.mark.parametrize("packet", [REPORT, SENDER_REPORT, SENDER_REPORT + REPORT, FEEDBACK])
    def test_reports_are_of_a_peer_that_stays(self, packet: bytes) -> None:
        heard = read(packet)
        assert heard is not None and heard.stays

    def test_a_goodbye_is_of_one_that_goes(self) -> None:
        heard = read(REPORT + BYE)
        assert heard is not None and not heard.stays

    @pytest.mark.parametrize(
        "packet",
        [
            b"",
            b"\x80",
            b"\x80\xc9\x00",
            REPORT[:-1],
            REPORT + b"\x80",
            b"\x00" + REPORT[1:],
            bytes(8),
            # Blocks are promised and missing, after a good report too.
            b"\x81" + REPORT[1:],
            REPORT + b"\x9f" + SENDER_REPORT[1:],
            struct.pack("!BBHI", 0x80, 200, 1, 7),
        ],
    )
    def test_nonsense_is_no_report(self, packet: bytes) -> None:
        assert read(packet) is None

    @given(st.binary(max_size=200))
    def test_any_bytes_are_judged(self, packet: bytes) -> None:
        read(packet)

    @given(st.binary(max_size=60), st.integers(0, 31), st.sampled_from([200, 201, 202, 203, 207]))
    def test_any_body_of_any_kind_is_judged(self, body: bytes, count: int, kind: int) -> None:
        body += bytes(-len(body) % 4)
        read(REPORT + struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body)

    def test_another_implementations_reports_are_read(self) -> None:
        theirs = RtcpReceiverInfo(
            ssrc=BLOCK.source,
            fraction_lost=BLOCK.fraction,
            packets_lost=-5,
            highest_sequence=BLOCK.highest,
            jitter=BLOCK.jitter,
            lsr=BLOCK.last_report,
            dlsr=BLOCK.delay,
        )
        info = RtcpSenderInfo(SENDER.ntp, SENDER.timestamp, SENDER.packets, SENDER.octets)
        heard = read(bytes(RtcpSrPacket(ssrc=9, sender_info=info, reports=[theirs, theirs])))
        assert heard is not None
        assert heard.senders == ((9, SENDER),)
        assert [block.lost for block in heard.blocks] == [-5, -5]
        assert heard.blocks[1].highest == BLOCK.highest


class TestWriting:
    def test_another_implementation_reads_a_senders_report(self) -> None:
        sent, description = RtcpPacket.parse(report(0x1234, "us", SENDER, BLOCK))
        assert isinstance(sent, RtcpSrPacket) and isinstance(description, RtcpSdesPacket)
        info = sent.sender_info
        assert (sent.ssrc, info.ntp_timestamp, info.rtp_timestamp) == (
            0x1234,
            SENDER.ntp,
            SENDER.timestamp,
        )
        assert (info.packet_count, info.octet_count) == (1500, 240000)
        told = sent.reports[0]
        assert (told.ssrc, told.fraction_lost, told.packets_lost) == (0xCAFE, 64, 1234)
        assert (told.highest_sequence, told.jitter) == (0x00020007, 160)
        assert (told.lsr, told.dlsr) == (BLOCK.last_report, 65536)
        assert description.chunks[0].ssrc == 0x1234
        assert description.chunks[0].items == [(1, b"us")]

    def test_another_implementation_reads_a_receivers_report(self) -> None:
        received = RtcpPacket.parse(report(0x1234, "us", None, BLOCK))[0]
        assert isinstance(received, RtcpRrPacket)
        assert received.reports[0].ssrc == 0xCAFE

    @pytest.mark.parametrize(("lost", "told"), [(2**23, 2**23 - 1), (-(2**24), -(2**23))])
    def test_losses_beyond_24_bits_stand_at_their_end(self, lost: int, told: int) -> None:
        block = Block(1, 0, lost, 2, 3, 4, 5)
        heard = read(report(1, "us", None, block))
        assert heard is not None and heard.blocks[0].lost == told

    @pytest.mark.parametrize("cname", ["a", "ab", "abc", "abcd", "abcde", "x" * 300])
    def test_others_understand_our_goodbye(self, cname: str) -> None:
        empty, description, bye = RtcpPacket.parse(goodbye(0x1234, cname))
        assert isinstance(empty, RtcpRrPacket) and empty.ssrc == 0x1234
        assert isinstance(description, RtcpSdesPacket)
        assert description.chunks[0].items == [(1, cname.encode()[:255])]
        assert isinstance(bye, RtcpByePacket) and bye.sources == [0x1234]


class TestTime:
    def test_ntp_counts_from_1900(self) -> None:
        assert ntp_time(0.5) == (2_208_988_800 << 32) + 2**31

    def test_the_round_trip_of_the_standards_example(self) -> None:
        # RFC 3550, figure 2: 6.125 s in all.
        block = Block(1, 0, 0, 0, 0, last_report=0xB7052000, delay=0x00054000)
        assert round_trip(block, 0xB7108000 << 16) == 6.125
        assert middle(0xB44DB705_20000000) == 0xB7052000

    def test_a_peer_that_had_no_report_has_no_round_trip(self) -> None:
        assert round_trip(Block(1, 0, 0, 0, 0, 0, 99), ntp_time(1e9)) is None

    def test_a_round_trip_over_the_wrap_of_time(self) -> None:
        block = Block(1, 0, 0, 0, 0, last_report=0xFFFFFF00, delay=0x80)
        assert round_trip(block, 0x100 << 16) == 0x180 / 65536

    def test_what_rounding_makes_negative_is_none_at_all(self) -> None:
        block = Block(1, 0, 0, 0, 0, last_report=1000, delay=10)
        assert round_trip(block, 1005 << 16) == 0.0

    def test_a_peer_that_claims_the_future_is_not_believed(self) -> None:
        assert round_trip(Block(1, 0, 0, 0, 0, 1000, 2**31 - 1), 1005 << 16) is None

    def test_waits_are_five_seconds_on_average_and_half_that_at_first(self) -> None:
        chances = [number / 1000 for number in range(1001)]
        waits = [next_wait(5.0, chance, first=False) for chance in chances]
        assert min(waits) == pytest.approx(2.5 / 1.21828)
        assert max(waits) == pytest.approx(7.5 / 1.21828)
        assert next_wait(5.0, 0.5, first=True) == pytest.approx(2.5 / 1.21828)


class TestExtended:
    """Round trips for those who only listen (RFC 3611), written out by hand."""

    # Source 7 asks at a time of NTP's, and answers what 9 and 10 asked.
    ASK = struct.pack("!BBHIBBHQ", 0x80, 207, 4, 7, 4, 0, 2, 0x0102030405060708)
    REPLIES = struct.pack("!BBHIBBHIIIIII", 0x80, 207, 8, 7, 5, 0, 6, 9, 11, 12, 10, 13, 14)
    VOIP_METRICS = struct.pack("!BBHIBBH32x", 0x80, 207, 10, 7, 7, 0, 8)

    def test_wishes_and_answers_are_read_beside_what_we_do_not_use(self) -> None:
        heard = read(REPORT + self.VOIP_METRICS + self.ASK + self.REPLIES)
        assert heard is not None
        assert heard.asks == ((7, 0x0102030405060708),)
        assert heard.replies == (Reply(9, 11, 12), Reply(10, 13, 14))

    def test_ours_are_written_as_the_rfc_draws_them(self) -> None:
        written = report(7, "me", None, None, asked_at=0x0102030405060708)
        assert written == report(7, "me", None, None) + self.ASK
        answered = report(7, "me", None, None, reply=Reply(9, 11, 12))
        assert answered.endswith(struct.pack("!BBHIBBHIII", 0x80, 207, 5, 7, 5, 0, 3, 9, 11, 12))

    @pytest.mark.parametrize(
        "block",
        [
            # longer than the packet; a wish without a time; an answer cut short
            struct.pack("!BBHI", 4, 0, 9, 1),
            struct.pack("!BBHI", 4, 0, 1, 1),
            struct.pack("!BBHII", 5, 0, 2, 1, 2),
        ],
    )
    def test_a_block_that_does_not_fit_says_nothing(self, block: bytes) -> None:
        size = (4 + len(block)) // 4
        heard = read(REPORT + struct.pack("!BBHI", 0x80, 207, size, 7) + block)
        assert heard is not None and heard.asks == () and heard.replies == ()

    @given(st.binary(max_size=120))
    def test_any_blocks_are_judged(self, blocks: bytes) -> None:
        blocks += bytes(-len(blocks) % 4)
        size = 1 + len(blocks) // 4
        assert read(REPORT + struct.pack("!BBHI", 0x80, 207, size, 7) + blocks) is not None
