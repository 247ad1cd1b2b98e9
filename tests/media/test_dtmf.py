"""Digits go out in order as RFC 4733 wants them, and come in once each."""

import random
import struct

import pytest

from media.dtmf import MAX_DURATION_MS, MAX_QUEUED, EventPacket, EventReceiver, EventSender


def sent(sender: EventSender, *, timestamp: int = 1000) -> list[tuple[float, EventPacket]]:
    """All that a sender sends when it is polled whenever it wants, from time 0 on."""
    packets = []
    while sender.due is not None:
        now = sender.due
        rising = timestamp + round(now * 8000)
        packets += [(round(now, 3), packet) for packet in sender.poll(now, rising)]
    return packets


def fields(packet: EventPacket) -> tuple[int, bool, int]:
    code, flags, high, low = packet.payload
    return code, bool(flags & 0x80), high << 8 | low


class TestSender:
    def test_a_digit_grows_by_20_ms_and_ends_three_times(self) -> None:
        sender = EventSender()
        assert sender.add("5", 100, 0.0)
        packets = sent(sender)
        assert [at for at, _ in packets] == [0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12]
        assert [fields(packet) for _, packet in packets] == [
            (5, False, 160),
            (5, False, 320),
            (5, False, 480),
            (5, False, 640),
            (5, True, 800),
            (5, True, 800),
            (5, True, 800),
        ]
        assert [packet.marker for _, packet in packets] == [True] + [False] * 6
        assert {packet.timestamp for _, packet in packets} == {1000}

    def test_digits_follow_in_order_with_a_gap_and_the_running_timestamp(self) -> None:
        sender = EventSender()
        assert sender.add("1#", 60, 0.0)
        packets = sent(sender)
        starts = [(at, fields(p)[0], p.timestamp) for at, p in packets if p.marker]
        assert [code for _, code, _ in starts] == [1, 11]
        last_of_first = max(at for at, packet in packets if fields(packet)[0] == 1)
        assert starts[1][0] - last_of_first >= 0.05
        assert starts[1][2] == 1000 + round(starts[1][0] * 8000)

    def test_digits_added_meanwhile_come_after(self) -> None:
        sender = EventSender()
        sender.add("1", 60, 0.0)
        first = sender.poll(0.0, 0)
        sender.add("2", 60, 0.01)
        codes = [fields(packet)[0] for packet in first] + [fields(p)[0] for _, p in sent(sender)]
        assert codes == sorted(codes)
        assert set(codes) == {1, 2}

    def test_a_late_poll_sends_what_is_due_at_once(self) -> None:
        sender = EventSender()
        sender.add("9", 60, 0.0)
        assert len(sender.poll(0.05, 0)) == 3

    def test_a_sender_that_is_done_rests(self) -> None:
        sender = EventSender()
        sender.add("9", 60, 0.0)
        sent(sender)
        assert sender.due is None
        assert sender.poll(9.0, 0) == []

    def test_durations_are_bounded_to_the_field(self) -> None:
        sender = EventSender()
        sender.set_clock_rate(48000)
        sender.add("9", 99999, 0.0)
        assert max(fields(p)[2] for _, p in sent(sender)) == MAX_DURATION_MS * 48 <= 0xFFFF

    def test_lower_case_letters_are_digits_too(self) -> None:
        sender = EventSender()
        assert sender.add("d", 60, 0.0)
        assert fields(sent(sender)[0][1])[0] == 15

    @pytest.mark.parametrize("digits", ["x", "1 2", "\u0661", "1" * (MAX_QUEUED + 1)])
    def test_what_is_no_digit_or_too_much_is_refused_whole(self, digits: str) -> None:
        sender = EventSender()
        assert not sender.add(digits, 60, 0.0)
        assert sender.due is None

    def test_no_digits_are_nothing_to_do(self) -> None:
        sender = EventSender()
        assert sender.add("", 60, 0.0)
        assert sender.due is None


class TestReceiver:
    def test_an_event_is_heard_once(self) -> None:
        receiver = EventReceiver()
        sender = EventSender()
        sender.add("7", 100, 0.0)
        heard = [receiver.hear(p.timestamp, p.payload, at) for at, p in sent(sender)]
        assert [event for events in heard for event in events] == [("7", 100)]

    def test_losing_repeating_and_reordering_within_an_event_is_no_matter(self) -> None:
        for seed in range(50):
            rng = random.Random(seed)
            receiver, sender = EventReceiver(), EventSender()
            sender.add("0123456789*#ABCD", 60, 0.0)
            events: dict[int, list[EventPacket]] = {}
            for _, packet in sent(sender):
                events.setdefault(packet.timestamp, []).append(packet)
            heard = []
            for packets in events.values():
                survivors = rng.choices(packets, k=3)
                for packet in survivors:
                    heard += receiver.hear(packet.timestamp, packet.payload, 0.0)
            heard += receiver.expire(9.0)
            assert "".join(digit for digit, _ in heard) == "0123456789*#ABCD"

    def test_the_same_digit_twice_is_two_digits(self) -> None:
        receiver = EventReceiver()
        end = b"\x05\x8a\x03\x20"
        assert receiver.hear(1000, end, 0.0) == [("5", 100)]
        assert receiver.hear(1000, end, 0.0) == []
        assert receiver.hear(5000, end, 0.5) == [("5", 100)]

    def test_an_event_without_end_is_over_when_the_next_begins(self) -> None:
        receiver = EventReceiver()
        assert receiver.hear(1000, b"\x01\x0a\x01\x40", 0.0) == []
        assert receiver.hear(3000, b"\x02\x0a\x00\xa0", 0.2) == [("1", 40)]

    def test_an_event_without_end_is_over_after_a_second(self) -> None:
        receiver = EventReceiver()
        receiver.hear(1000, b"\x01\x0a\x01\x40", 5.0)
        assert receiver.expire(5.5) == []
        assert receiver.expire(6.0) == [("1", 40)]
        assert receiver.expire(7.0) == []

    def test_a_late_packet_of_an_older_event_is_ignored(self) -> None:
        receiver = EventReceiver()
        receiver.hear(1000, b"\x01\x8a\x03\x20", 0.0)
        receiver.hear(5000, b"\x02\x8a\x03\x20", 0.5)
        assert receiver.hear(1000, b"\x01\x8a\x03\x20", 0.6) == []

    def test_a_key_held_for_longer_than_the_field_counts_is_one_digit(self) -> None:
        """RFC 4733, section 2.5.1.3: the event goes on in segments of 65535 units."""
        receiver, start = EventReceiver(), 2**32 - 50_000
        receiver.set_clock_rate(48000)
        heard = []
        for elapsed in range(960, 144_000, 960):
            segment, duration = divmod(elapsed, 0xFFFF)
            stamp = (start + segment * 0xFFFF) & 0xFFFFFFFF
            payload = struct.pack("!BBH", 5, 0x0A, duration)
            heard += receiver.hear(stamp, payload, elapsed / 48000)
        end = struct.pack("!BBH", 5, 0x8A, 144_000 - 2 * 0xFFFF)
        for _ in range(3):
            heard += receiver.hear((start + 2 * 0xFFFF) & 0xFFFFFFFF, end, 3.0)
        assert heard == [("5", 3000)]

    @pytest.mark.parametrize("payload", [b"", b"\x01\x8a\x03", b"\x10\x8a\x03\x20", b"\xff" * 9])
    def test_nonsense_is_no_digit(self, payload: bytes) -> None:
        assert EventReceiver().hear(1000, payload, 0.0) == []
