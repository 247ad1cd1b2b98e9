"""Packets in order, by pure time: networks with a seed, clocks that drift, a day in seconds."""

import random
from collections.abc import Iterable, Iterator

import pytest

from media.jitter import CEILING_SECONDS, FLOOR_SECONDS, MAX_HELD, JitterBuffer, Packet, Tally
from media.packet import AUDIO

FRAME = 0.02
UNITS = 160


class Peer:
    """A peer's packets with a buffer behind them: when each was given, and what was missing."""

    def __init__(self, *, first: int = 0, timestamp: int = 0) -> None:
        self.tally = Tally()
        self.buffer = JitterBuffer(8000, self.tally)
        self.first = first
        self.timestamp = timestamp
        self.given: list[tuple[int, float, int]] = []
        """The number of each packet given, when, and how many were missing before it."""
        self.begins: list[int] = []

    def send(self, number: int, now: float, *, source: int = 1) -> None:
        """The packet of a number comes, at a time after all that was due before."""
        self.wait(now)
        stamp = (self.timestamp + number * UNITS) & 0xFFFFFFFF
        packet = Packet(number.to_bytes(8, "big"), stamp, AUDIO, False)
        sequence = (self.first + number) & 0xFFFF
        self._keep(self.buffer.put(source, sequence, packet, now, timed=True), now)

    def wait(self, until: float) -> None:
        while self.buffer.due is not None and self.buffer.due <= until:
            now = self.buffer.due
            self._keep(self.buffer.poll(now), now)

    def hears(self, arrivals: Iterable[tuple[float, int]]) -> "Peer":
        for now, number in arrivals:
            self.send(number, now)
        self.wait(now + 1)
        return self

    @property
    def numbers(self) -> list[int]:
        return [number for number, _, _ in self.given]

    def _keep(self, packets: list[Packet], now: float) -> None:
        for packet in packets:
            number = int.from_bytes(packet.payload, "big")
            self.given.append((number, now, packet.lost))
            if packet.begins:
                self.begins.append(number)


def network(
    seed: int, count: int, *, jitter: float = 0.0, loss: float = 0.0, burst: int = 1
) -> Iterator[tuple[float, int]]:
    """When the packets of a peer that sends each 20 ms come, in the order of their coming."""
    rng = random.Random(seed)
    gone = 0
    arrivals = []
    for number in range(count):
        delay = 0.03 + rng.random() * jitter
        if rng.random() < loss / burst:
            gone = burst
        if gone:
            gone -= 1
            continue
        arrivals.append((100.0 + number * FRAME + delay, number))
    return iter(sorted(arrivals))


class TestOrder:
    def test_what_comes_in_order_is_given_at_once(self) -> None:
        peer = Peer().hears((10.0 + number * FRAME, number) for number in range(500))
        assert peer.given == [(number, 10.0 + number * FRAME, 0) for number in range(500)]

    def test_a_packet_that_was_overtaken_is_put_back_once_that_is_known_to_happen(self) -> None:
        swapped = [number ^ 1 for number in range(200)]
        peer = Peer().hears((10.0 + place * FRAME, number) for place, number in enumerate(swapped))
        assert peer.numbers[20:] == list(range(peer.numbers[20], 200))
        assert peer.tally.late <= 2

    def test_a_repeated_packet_is_given_once(self) -> None:
        twice = [number // 2 for number in range(100)]
        peer = Peer().hears((10.0 + number * FRAME, number) for number in twice)
        assert peer.numbers == list(range(50))
        assert (peer.tally.duplicates, peer.tally.late) == (50, 0)

    def test_a_repeat_of_a_packet_that_still_waits_is_given_once(self) -> None:
        peer = Peer().hears([(10.0, 0), (10.04, 2), (10.0401, 2), (10.0402, 1)])
        assert peer.numbers == [0, 1, 2]
        assert peer.tally.duplicates == 1

    def test_a_packet_that_is_not_waited_for_any_longer_is_late(self) -> None:
        peer = Peer().hears([(10.0, 0), (10.04, 2), (10.3, 1), (10.31, 3)])
        assert [(number, lost) for number, _, lost in peer.given] == [(0, 0), (2, 1), (3, 0)]
        assert peer.tally.late == 1

    def test_numbers_and_timestamps_wrap(self) -> None:
        peer = Peer(first=0xFFFE, timestamp=0xFFFFFFFF - 3 * UNITS)
        peer.hears(network(1, 400, jitter=0.05))
        assert peer.numbers[100:] == list(range(peer.numbers[100], 400))

    def test_a_new_source_is_told_and_what_waited_for_the_old_is_not_lost(self) -> None:
        peer = Peer()
        for number, now in ((0, 10.0), (2, 10.04)):
            peer.send(number, now)
        peer.send(9000, 10.041, source=2)
        assert peer.numbers == [0, 2, 9000]
        assert peer.begins == [0, 9000]

    @pytest.mark.parametrize("jump", [20000, -500])
    def test_a_source_that_jumps_begins_anew(self, jump: int) -> None:
        peer = Peer(first=30000)
        peer.send(1000, 10.0)
        peer.send(1000 + jump, 10.02)
        assert peer.begins == [1000, 1000 + jump]

    def test_silence_without_packets_is_no_loss(self) -> None:
        peer = Peer()
        peer.send(0, 10.0)
        quiet = Packet(b"\0\0\0\0\0\0\0\1", 8000 * 5, AUDIO, True)
        assert peer.buffer.put(1, 1, quiet, 15.0, timed=True) == [quiet]

    def test_what_waits_is_bounded(self) -> None:
        peer = Peer()
        peer.send(0, 10.0)
        for number in range(2, 200):
            peer.send(number, 10.0 + number / 100_000)
            assert peer.buffer.held <= MAX_HELD
        assert peer.numbers[:2] == [0, 2]


class TestDelay:
    def test_on_an_even_network_a_loss_holds_its_successor_for_next_to_nothing(self) -> None:
        arrivals = list(network(2, 3000, jitter=0.003, loss=0.05))
        peer = Peer().hears(arrivals)
        came = {number: now for now, number in arrivals}
        held = [at - came[number] for number, at, _ in peer.given]
        assert max(held) <= FLOOR_SECONDS + 1e-9
        assert peer.tally.late == 0

    def test_jitter_of_50_ms_reorders_and_hardly_any_packet_is_late(self) -> None:
        arrivals = list(network(3, 3000, jitter=0.05))
        peer = Peer().hears(arrivals)
        came = {number: now for now, number in arrivals}
        assert peer.numbers == sorted(peer.numbers)
        assert peer.tally.late < 15
        # A packet that nothing overtook, nor any before it, is not held.
        held = [at - came[number] for number, at, _ in peer.given]
        assert max(held) < 0.06
        assert sum(held) / len(held) < 0.015

    @pytest.mark.parametrize("burst", [1, 4])
    def test_all_that_was_lost_is_told_and_nothing_else(self, burst: int) -> None:
        arrivals = list(network(4, 5000, jitter=0.01, loss=0.1, burst=burst))
        peer = Peer().hears(arrivals)
        assert peer.numbers == sorted(number for _, number in arrivals)
        lost = sum(missing for _, _, missing in peer.given)
        assert lost == peer.numbers[-1] + 1 - len(peer.numbers) > 400

    def test_patience_grows_with_the_jitter_and_shrinks_again(self) -> None:
        peer = Peer()
        for now, number in network(5, 3000):
            peer.send(number, now + (0.04 if 1000 <= number < 1500 and number % 7 == 0 else 0.0))
            if number == 1490:
                assert peer.buffer.patience > 0.03
        assert peer.buffer.patience < 0.005

    def test_a_stall_of_the_network_does_not_make_it_wait_for_longer_than_the_ceiling(self) -> None:
        peer = Peer()
        for number in range(100):
            peer.send(number, 10.0 + number * FRAME)
        for number in range(100, 140):
            peer.send(number, 13.0)
        peer.send(141, 13.01)
        peer.wait(20.0)
        number, at, lost = peer.given[-1]
        assert (number, lost) == (141, 1)
        assert at <= 13.01 + CEILING_SECONDS


class TestADay:
    def test_a_clock_that_drifts_for_a_day_leaves_the_delay_as_it_was(self) -> None:
        """Opus in packets of 60 ms, 200 ppm too fast and then too slow, each 50th one lost."""
        units, frame, packets = 2880, 0.06, 24 * 3600 * 1000 // 60
        rng = random.Random(6)
        delays = [rng.random() * 0.004 for _ in range(997)]
        tally = Tally()
        buffer = JitterBuffer(48000, tally)
        sent, given, longest, held = 50.0, 0, 0.0, 0
        for number in range(packets):
            sent += frame * (1 + (200e-6 if number < packets // 2 else -200e-6))
            if number % 50 == 7:
                continue
            now = sent + delays[number % 997]
            packet = Packet(b"x", (2**31 + number * units) & 0xFFFFFFFF, AUDIO, False)
            given += len(buffer.put(1, number & 0xFFFF, packet, now, timed=True))
            if buffer.due is not None:
                longest = max(longest, buffer.due - now)
                given += len(buffer.poll(buffer.due))
            held = max(held, buffer.held)
        assert given == packets - packets // 50
        assert (tally.late, tally.duplicates, held) == (0, 0, 0)
        assert longest <= FLOOR_SECONDS + 1e-9
        assert buffer.patience < 0.006
