"""Losses, jitter and round trips come out as whoever sends and receives would count them."""

import random
import struct

import pytest

from media.engine import Direction
from media.reception import Delivery, Incoming
from media.rtcp import Block, Reply, SenderInfo, ntp_time

OURS = 0xABCD
SECOND = 65536


def packet(sequence: int, timestamp: int = 0, *, source: int = 1) -> bytearray:
    return bytearray(
        struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, source)
    )


def block(incoming: Incoming, now: float = 0.0) -> Block:
    told = incoming.block(now)
    assert told is not None
    return told


class TestCounting:
    def test_missing_packets_are_lost_until_they_come(self) -> None:
        incoming = Incoming()
        for sequence in (1, 2, 5):
            incoming.note(packet(sequence), 0.0)
        assert (incoming.received, incoming.lost) == (3, 2)
        incoming.note(packet(3), 0.0)
        assert incoming.lost == 1

    def test_numbers_that_wrap_are_no_loss(self) -> None:
        incoming = Incoming()
        for sequence in range(65530, 65550):
            incoming.note(packet(sequence), 0.0)
        assert (incoming.received, incoming.lost) == (20, 0)

    def test_losses_of_earlier_sources_add_up(self) -> None:
        incoming = Incoming()
        for sequence, source in ((1, 1), (3, 1), (9, 2), (12, 2), (40000, 2), (40002, 2)):
            incoming.note(packet(sequence, source=source), 0.0)
        assert (incoming.received, incoming.lost) == (6, 4)

    def test_who_comes_after_its_successor_is_late_and_a_repeat_is_not(self) -> None:
        incoming = Incoming()
        for sequence in (65534, 1, 65535, 65535, 0, 1, 1):
            incoming.note(packet(sequence), 0.0)
        assert (incoming.late, incoming.lost) == (2, 0)

    def test_losses_in_a_row_are_heard_more_than_the_same_number_apart(self) -> None:
        def opinion(missing: range) -> float | None:
            incoming = Incoming()
            for sequence in range(1000):
                if sequence not in missing:
                    incoming.note(packet(sequence), 0.0)
            return incoming.direction(None).mos

        apart, in_a_row = opinion(range(10, 960, 19)), opinion(range(500, 550))
        assert apart is not None and in_a_row is not None
        assert in_a_row < apart - 0.1

    def test_repeats_never_make_it_negative(self) -> None:
        incoming = Incoming()
        for _ in range(3):
            incoming.note(packet(1), 0.0)
        assert incoming.lost == 0
        assert block(incoming).lost == -2
        assert block_fraction(incoming, [packet(1)]) == 0

    def test_a_call_of_many_hours_counts_its_cycles(self) -> None:
        incoming = Incoming()
        # Every thousandth packet of ten hours, each with 999 between it and the one before.
        for number in range(0, 1_800_000, 1000):
            incoming.note(packet(number, number * 160), number * 0.02)
        told = block(incoming)
        assert told.highest == 1_799_000
        assert told.lost == incoming.lost == 1_799_001 - 1800
        assert incoming.jitter < 0.001


def block_fraction(incoming: Incoming, packets: list[bytearray]) -> int:
    for each in packets:
        incoming.note(each, 0.0)
    return block(incoming).fraction


class TestBlocks:
    def test_the_fraction_is_of_the_time_since_the_report_before(self) -> None:
        incoming = Incoming()
        assert block_fraction(incoming, [packet(n) for n in range(10)]) == 0
        # 8 of 10 come, then 5 of 20.
        assert block_fraction(incoming, [packet(n) for n in range(12, 20)]) == 256 * 2 // 10
        assert block_fraction(incoming, [packet(n) for n in range(23, 40, 4)]) == 256 * 15 // 20
        assert incoming.lost == 17

    def test_nothing_new_is_not_reported_on(self) -> None:
        incoming = Incoming()
        assert incoming.block(0.0) is None
        incoming.note(packet(1), 0.0)
        assert incoming.block(0.0) is not None
        assert incoming.block(5.0) is None

    def test_a_new_source_is_reported_on_from_its_own_start(self) -> None:
        incoming = Incoming()
        for sequence in (1, 2, 9):
            incoming.note(packet(sequence), 0.0)
        block(incoming)
        for sequence in (500, 501, 503):
            incoming.note(packet(sequence, source=2), 0.0)
        told = block(incoming)
        assert (told.source, told.lost, told.highest, told.fraction) == (2, 1, 503, 64)
        assert incoming.lost == 7

    def test_the_peers_last_report_is_named_with_its_age(self) -> None:
        incoming = Incoming()
        incoming.note(packet(1, source=7), 10.0)
        incoming.hear(7, SenderInfo(0x1111_2222_3333_4444, 0, 1, 1), 10.0)
        told = block(incoming, 11.5)
        assert (told.last_report, told.delay) == (0x2222_3333, round(1.5 * SECOND))

    def test_a_report_of_another_source_is_not_named(self) -> None:
        incoming = Incoming()
        incoming.hear(8, SenderInfo(0x1111_2222_3333_4444, 0, 1, 1), 10.0)
        incoming.note(packet(1, source=7), 10.0)
        told = block(incoming, 11.5)
        assert (told.last_report, told.delay) == (0, 0)

    def test_any_history_is_counted_as_a_receiver_that_keeps_everything_counts(self) -> None:
        rng = random.Random(3)
        incoming, first = Incoming(), 65000
        waiting = [n for n in range(first, first + 3000) if rng.random() > 0.1]
        # Neighbours change places, some packets come twice.
        order = sorted(waiting, key=lambda n: n + rng.uniform(0, 6))
        order += rng.sample(order[-50:], 5)
        base, seen, told_expected, told_received = order[0], list[int](), 0, 0
        for index, number in enumerate(order):
            incoming.note(packet(number), 0.0)
            seen.append(number)
            if index % 250 == 249:
                expected = max(seen) - base + 1
                lost_here = expected - told_expected - (len(seen) - told_received)
                told = block(incoming)
                assert told.highest == max(seen)
                assert told.lost == expected - len(seen)
                share = max(0, lost_here) * 256 // (expected - told_expected)
                assert told.fraction == share
                told_expected, told_received = expected, len(seen)


class TestJitter:
    def jitter(self, rate: int, arrivals: list[tuple[float, int]]) -> float:
        incoming = Incoming()
        incoming.set_clock_rate(rate)
        for number, (now, timestamp) in enumerate(arrivals):
            incoming.note(packet(number, timestamp), now)
        return incoming.jitter

    def test_even_packets_have_none_over_the_wrap_of_timestamps(self) -> None:
        start = 2**32 - 80_000
        even = [(10 + 0.02 * n, start + 160 * n) for n in range(1000)]
        assert self.jitter(8000, even) < 0.001

    def test_uneven_packets_have_what_the_standard_computes(self) -> None:
        rng = random.Random(5)
        arrivals = [(0.02 * n + rng.uniform(0, 0.03), 960 * n) for n in range(500)]
        expected, before = 0.0, None
        for now, timestamp in arrivals:
            transit = now - timestamp / 48000
            if before is not None:
                expected += (abs(transit - before) - expected) / 16
            before = transit
        assert self.jitter(48000, arrivals) == pytest.approx(expected, rel=0.01)
        assert 0.005 < expected < 0.02

    def test_a_clock_that_is_set_is_no_jitter(self) -> None:
        jumps = [(0.02 * n, 160 * n + (n > 50) * 1_000_000) for n in range(100)]
        assert self.jitter(8000, jumps) < 0.001

    def test_the_packets_of_an_event_share_a_timestamp_and_do_not_count(self) -> None:
        incoming = Incoming()
        for number in range(100):
            is_event = 40 < number < 60
            stamp = 160 * (40 if is_event else number)
            incoming.note(packet(number, stamp), 0.02 * number, timed=not is_event)
        assert incoming.jitter < 0.001

    def test_its_unit_is_the_codecs_clock(self) -> None:
        incoming = Incoming()
        incoming.set_clock_rate(48000)
        for number in range(400):
            incoming.note(packet(number, 960 * number), 0.02 * number + number % 2 * 0.01)
        assert incoming.jitter == pytest.approx(0.01, rel=0.01)
        assert block(incoming).jitter == pytest.approx(480, rel=0.01)


class TestDelivery:
    def test_nothing_but_a_count_is_known_before_the_peer_reports(self) -> None:
        assert Delivery(OURS, 100).direction(50) == Direction(50, None, None, None)

    def test_the_peers_report_says_what_it_lost_and_how_far_it_is(self) -> None:
        delivery = Delivery(OURS, 100)
        delivery.set_clock_rate(48000)
        sent_at = ntp_time(1000.0)
        told = Block(OURS, 25, 10, 100 + 1000, 480, sent_at >> 16 & 0xFFFFFFFF, SECOND)
        delivery.hear(told, ntp_time(1001.05))
        assert delivery.round_trip == pytest.approx(0.05, abs=0.001)
        figures = delivery.direction(1000)
        assert (figures.packets, figures.lost, figures.jitter_ms) == (1000, 10, 10.0)
        assert figures.mos is not None and 4.1 < figures.mos < 4.4

    def test_a_report_on_another_stream_is_not_ours(self) -> None:
        delivery = Delivery(OURS, 100)
        delivery.hear(Block(OURS + 1, 25, 10, 1100, 480, 5, 5), ntp_time(1001.0))
        assert delivery.direction(50).lost is None

    def test_a_peer_that_lies_gets_a_score_all_the_same(self) -> None:
        delivery = Delivery(OURS, 100)
        for lost, highest in ((2**23 - 1, 0), (-5, 2**32 - 1), (7, 3)):
            delivery.hear(Block(OURS, 255, lost, highest, 2**32 - 1, 1, 2**32 - 1), 0)
            mos = delivery.direction(10).mos
            assert mos is not None and 1.0 <= mos <= 4.5


class TestAsking:
    """Who only listens learns the round trip all the same (RFC 3611)."""

    def test_a_wish_is_answered_with_its_time_and_how_long_ago_it_came(self) -> None:
        incoming = Incoming()
        assert not incoming.asks and incoming.reply(0.0) is None
        incoming.hear_asked(7, 0x11112222_33334444, 100.0)
        assert incoming.asks
        assert incoming.reply(101.5) == Reply(7, 0x22223333, SECOND * 3 // 2)

    def test_the_answer_tells_the_round_trip(self) -> None:
        delivery = Delivery(OURS, 0)
        asked, now = ntp_time(1000.0), ntp_time(1002.25)
        reply = Reply(OURS, (asked >> 16) & 0xFFFFFFFF, 2 * SECOND)
        delivery.hear_reply(Reply(OURS + 1, 5, 0), now)
        assert delivery.round_trip is None
        delivery.hear_reply(reply, now)
        assert delivery.round_trip == pytest.approx(0.25, abs=0.001)
