"""The outgoing stream goes on over every change of its source; headers are checked."""

import random
import struct

import pytest

from media.packet import Outgoing, is_rtcp, payload_offset

OURS = 0xABCD


def packet(sequence: int, timestamp: int, *, source: int = 1, marker: bool = False) -> bytearray:
    head = struct.pack(
        "!BBHII", 0x80, 96 | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, source
    )
    return bytearray(head + b"audio")


class Hearer:
    """Reads what an outgoing stream made of packets."""

    def __init__(self, sequence: int = 500, timestamp: int = 9000) -> None:
        self.stream = Outgoing(source=OURS, sequence=sequence, timestamp=timestamp)

    def hears(self, data: bytearray, now: float) -> tuple[int, int, bool]:
        self.stream.rewrite(data, 8, now)
        return self.read(data)

    def own(self, timestamp: int, now: float) -> tuple[int, int, bool]:
        data = bytearray(16)
        self.stream.write_header(data, 101, timestamp, now, marker=True)
        return self.read(data)

    def says(self, timestamp: int, now: float, *, marker: bool = False) -> tuple[int, int, bool]:
        data = bytearray(16)
        self.stream.write_audio_header(data, 8, timestamp, now, marker=marker)
        return self.read(data)

    @staticmethod
    def read(data: bytearray) -> tuple[int, int, bool]:
        _, kind, sequence, timestamp, source = struct.unpack_from("!BBHII", data)
        assert source == OURS
        return sequence, timestamp, bool(kind & 0x80)


class TestOutgoing:
    def test_the_first_packet_is_marked_and_ours(self) -> None:
        data = packet(7, 100)
        assert Hearer().hears(data, 1.0) == (501, 9000, True)
        assert data[1] & 0x7F == 8
        assert data[12:] == b"audio"

    def test_gaps_and_disorder_of_the_source_are_kept(self) -> None:
        hearer = Hearer()
        heard = [hearer.hears(packet(7 + n, 160 * n), 1.0)[:2] for n in (0, 1, 4, 2, 5)]
        assert heard == [(501, 9000), (502, 9160), (505, 9640), (503, 9320), (506, 9800)]

    def test_the_sources_marker_is_kept(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 1.0)
        assert hearer.hears(packet(2, 160), 1.02) == (502, 9160, False)
        assert hearer.hears(packet(3, 320, marker=True), 1.04) == (503, 9320, True)

    def test_numbers_wrap(self) -> None:
        hearer = Hearer(sequence=0xFFFE, timestamp=0xFFFFFFFF)
        assert hearer.hears(packet(65535, 2**32 - 80), 1.0) == (0xFFFF, 0xFFFFFFFF, True)
        assert hearer.hears(packet(65536, 80), 1.02) == (0, 159, False)

    def test_a_new_source_follows_by_the_time_that_passed(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        assert hearer.hears(packet(40000, 777, source=2), 11.5) == (502, 9000 + 12000, True)
        assert hearer.hears(packet(40001, 937, source=2), 11.52) == (503, 21160, False)

    def test_a_new_source_never_steps_on_the_last_frame(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        assert hearer.hears(packet(1, 0, source=2), 10.0)[1] == 9160

    def test_a_source_with_the_ssrc_of_the_one_before_is_new_when_we_say_so(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        hearer.stream.forget_source()
        assert hearer.hears(packet(2, 5_000_000), 10.02) == (502, 9160, True)

    @pytest.mark.parametrize("jump", [20000, -20000, 5000, -200])
    def test_a_source_that_jumps_begins_anew(self, jump: int) -> None:
        hearer = Hearer()
        hearer.hears(packet(30000, 0), 10.0)
        assert hearer.hears(packet(30000 + jump, 99), 10.02) == (502, 9160, True)

    @pytest.mark.parametrize("jump", [1_000_000, -1_000_000, 2**31])
    def test_a_source_whose_clock_is_set_goes_on_by_the_time_that_passed(self, jump: int) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 5_000_000), 10.0)
        assert hearer.hears(packet(2, 5_000_160 + jump), 10.02) == (502, 9160, True)
        assert hearer.hears(packet(3, 5_000_320 + jump), 10.04) == (503, 9320, False)

    def test_a_source_that_was_silent_keeps_its_own_time(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        assert hearer.hears(packet(2, 8000 * 60, marker=True), 70.3) == (502, 489_000, True)

    def test_an_event_that_began_before_the_last_packet_keeps_its_time(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 1000), 10.0)
        assert hearer.hears(packet(2, 840), 10.02) == (502, 8840, False)

    def test_an_event_that_lasts_keeps_its_timestamp(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        heard = [hearer.hears(packet(2 + n, 160), 10.02 * (1 + n / 500)) for n in range(500)]
        assert {timestamp for _, timestamp, _ in heard} == {9160}
        after = hearer.hears(packet(502, 160 + 8000 * 10), 20.04)
        assert after == (1002, 9160 + 80_000, False)

    def test_packets_of_our_own_take_numbers_and_the_source_goes_on_after_them(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        event = hearer.stream.timestamp_at(10.02)
        assert event == 9160
        assert hearer.own(event, 10.02) == (502, 9160, True)
        assert hearer.own(event, 10.04) == (503, 9160, True)
        # Two packets of the source were held back meanwhile; its timestamps keep the time.
        assert hearer.hears(packet(4, 480), 10.06) == (504, 9480, False)
        assert hearer.hears(packet(5, 640), 10.08) == (505, 9640, False)

    def test_packets_of_our_own_may_come_first(self) -> None:
        hearer = Hearer()
        assert hearer.own(hearer.stream.timestamp_at(10.0), 10.0) == (501, 9000, True)
        assert hearer.hears(packet(77, 5), 11.0) == (502, 17000, True)

    def test_audio_made_here_and_a_source_take_turns_without_a_break(self) -> None:
        hearer = Hearer()
        hearer.hears(packet(1, 0), 10.0)
        begin = hearer.stream.timestamp_at(10.1)
        assert hearer.says(begin, 10.1, marker=True) == (502, 9800, True)
        assert hearer.says(begin + 160, 10.12) == (503, 9960, False)
        # The source went on meanwhile, by a clock of its own: it follows what was said.
        assert hearer.hears(packet(9, 4_000_000), 10.14) == (504, 10_120, True)
        assert hearer.hears(packet(10, 4_000_160), 10.16) == (505, 10_280, False)

    def test_the_running_time_counts_from_audio_made_here(self) -> None:
        hearer = Hearer()
        hearer.says(2**32 + 40, 10.0)
        assert hearer.stream.timestamp == 40
        assert hearer.stream.timestamp_at(10.5) == 4040

    def test_the_clock_rate_counts(self) -> None:
        hearer = Hearer()
        hearer.stream.set_clock_rate(48000)
        hearer.hears(packet(1, 0), 10.0)
        assert hearer.stream.timestamp_at(10.5) == 33000

    def test_over_any_history_numbers_rise_by_one_and_time_never_runs_back(self) -> None:
        rng = random.Random(1)
        hearer, now, expected, last = Hearer(), 10.0, 500, 9000
        source, sequence, timestamp = 1, 0, 0
        for _ in range(3000):
            now += 0.02
            action = rng.random()
            if action < 0.02:
                source, sequence = source + 1, rng.randrange(65536)
                timestamp = rng.randrange(2**32)
            if action > 0.9:
                read = hearer.own(hearer.stream.timestamp_at(now), now)
            else:
                read = hearer.hears(packet(sequence, timestamp, source=source), now)
            sequence, timestamp = sequence + 1, timestamp + 160
            expected = (expected + 1) & 0xFFFF
            assert read[0] == expected
            assert (read[1] - last) & 0xFFFFFFFF < 8000
            last = read[1]


class TestHeader:
    def test_a_plain_header_is_12_bytes(self) -> None:
        assert payload_offset(packet(1, 0), 17) == 12

    def test_sources_and_an_extension_are_skipped(self) -> None:
        data = bytearray(packet(1, 0)[:12])
        data[0] = 0x80 | 0x10 | 2
        data += bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"x"
        assert payload_offset(data, len(data)) == 28
        assert payload_offset(data, 27) == 0
        assert payload_offset(data, 22) == 0

    @pytest.mark.parametrize("data", [b"", b"\x80" * 11, b"\x00" * 40, b"\xc0" * 40])
    def test_what_is_no_rtp_is_told(self, data: bytes) -> None:
        assert payload_offset(data, len(data)) == 0

    def test_rtcp_shares_a_port_with_rtp(self) -> None:
        assert [is_rtcp(kind) for kind in (0, 191, 192, 200, 223, 224)] == [
            False,
            False,
            True,
            True,
            True,
            False,
        ]
