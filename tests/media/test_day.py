"""A day of talk in seconds: clocks drift, numbers wrap, and neither delay nor memory grows."""

import asyncio
import heapq
import itertools
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from media import bridge, side
from media.bridge import Bridge, Way
from media.negotiate import Agreement
from media.packet import Outgoing
from media.side import BUFFER_SIZE, Side

DAY = 24 * 3600.0
HOUR = 3600.0
FRAME = 0.06
SPURT = 50
"""Packets of a talk spurt, three seconds."""
TURN = 60.0
"""Seconds from one spurt of a side to its next; nothing is sent between them."""
WAY_SECONDS = 0.03
JITTER_SECONDS = 0.004
LOSS = OVERTAKEN = 0.02
OVERTAKEN_SECONDS = FRAME + 0.01
DRIFT = 200e-6
MOST_LATE_SECONDS = 2 * FRAME + 0.02
"""What is made up for a lost packet is said when the next one is there."""
PAYLOAD = bytes(range(256)) + bytes(round(8000 * FRAME) - 256)


class Clock:
    """The time of the test, which stands for the event loop and for the module `time`."""

    def __init__(self) -> None:
        self.now = 50.0
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0

    def monotonic(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., None], *args: Any) -> "Timer":
        timer = Timer(lambda: callback(*args))
        self._count += 1
        heapq.heappush(self._timers, (self.now + delay, self._count, timer))
        return timer

    def advance(self, until: float) -> None:
        while self._timers and self._timers[0][0] <= until:
            self.now, _, timer = heapq.heappop(self._timers)
            timer.run()
        self.now = until


class Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def run(self) -> None:
        if self._callback is not None:
            self._callback()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    for module in (side, bridge):
        monkeypatch.setattr(module, "time", clock)
    asyncio._set_running_loop(cast(Any, clock))
    yield clock
    asyncio._set_running_loop(None)


def agreement(clock_rate: int) -> Agreement:
    return Agreement(
        codec="PCMU/8000",
        clock_rate=clock_rate,
        payload_type=96,
        event_type=None,
        heard=frozenset([96]),
        heard_events=frozenset(),
        peer_listens=True,
        peer_talks=True,
        ptime_ms=round(FRAME * 1000),
    )


class Talker:
    """A peer that talks all day in spurts, by a clock of its own, over a network of its own."""

    def __init__(
        self, name: str, buffer: bytearray, clock: Clock, agreement: Agreement, drift: float
    ) -> None:
        self.drift = drift
        self.agreement = agreement
        self.side = Side(
            name,
            Outgoing(source=7, sequence=0x7FF0, timestamp=2**32 - 4000),
            buffer,
            self._hear,
            lambda event: None,
        )
        self.side.agree(agreement)
        self.sent = self.gaps = 0
        # What the peer hears of its partner, how late at the most in each hour, and when first.
        self.partner = self
        self.heard = 0
        self.slowest = [0.0] * 24
        self.began = 0.0
        self._clock = clock
        self._origin = self._newest = 0
        rng = random.Random(name)
        self._spurts = [_spurt(rng) for _ in range(31)]

    def packets(self) -> Iterator[tuple[float, int, int]]:
        """When each packet of the day comes, its number, and its stamp."""
        begin, rate = self._clock.now, self.agreement.clock_rate
        for turn in range(round(DAY / TURN)):
            spurt = self._spurts[turn % len(self._spurts)]
            self.gaps += _gaps(spurt)
            for late, place in spurt:
                sounded = turn * TURN + place * FRAME
                arrival = begin + sounded * (1 + self.drift) + WAY_SECONDS + late
                yield arrival, turn * SPURT + place, round(sounded * rate)

    @property
    def numbered(self) -> int:
        """The packets that it sent, those included that were lost."""
        return round(DAY / TURN) * SPURT

    def say(self, number: int, stamp: int) -> None:
        """One of its packets comes to us; its numbers and stamps wrap in the first minute."""
        self.sent += 1
        numbers = (0xFFF0 + number) & 0xFFFF, (2**32 - 9000 + stamp) & 0xFFFFFFFF
        packet = struct.pack("!BBHII", 0x80, 96, *numbers, 9) + PAYLOAD
        self.side.buffer[: len(packet)] = packet
        self.side.take(len(packet))

    def _hear(self, _length: int) -> bool:
        stamp = int.from_bytes(self.side.buffer[4:8], "big")
        if not self.heard:
            self._origin = self._newest = stamp
            self.began = self._clock.now
        self.heard += 1
        # The place of this sound in its source's time, over all wraps.
        self._newest += (stamp - self._newest + 2**31) % 2**32 - 2**31
        sounded = (self._newest - self._origin) / self.agreement.clock_rate
        passed = self._clock.now - self.began
        late = passed - sounded * (1 + self.partner.drift)
        hour = min(int(passed / HOUR), 23)
        self.slowest[hour] = max(self.slowest[hour], late)
        return True


def _spurt(rng: random.Random) -> list[tuple[float, int]]:
    """How late the packets of a spurt come beside their time, and their places in it.

    Of those between the first and the last, some are lost, and some overtaken.
    """
    found = [(0.0, 0), (0.0, SPURT - 1)]
    for place in range(1, SPURT - 1):
        if rng.random() < LOSS:
            continue
        late = OVERTAKEN_SECONDS if rng.random() < OVERTAKEN else rng.random() * JITTER_SECONDS
        found.append((late, place))
    return sorted(found, key=lambda packet: packet[0] + packet[1] * FRAME)


def _gaps(spurt: list[tuple[float, int]]) -> int:
    places = sorted(place for _, place in spurt)
    return sum(two - one > 1 for one, two in itertools.pairwise(places))


def live(clock: Clock, *talkers: Talker) -> list[int]:
    """Let all of them talk all day; the memory in use, in bytes, in each of the last hours."""

    def numbered(index: int, talker: Talker) -> Iterator[tuple[float, int, int, int]]:
        return ((at, index, number, stamp) for at, number, stamp in talker.packets())

    begin, used = clock.now, []
    hours = iter((22, 22.5, 23, 24))
    due = begin + next(hours) * HOUR
    streams = [numbered(index, talker) for index, talker in enumerate(talkers)]
    for arrival, index, number, stamp in heapq.merge(*streams):
        clock.advance(arrival)
        talkers[index].say(number, stamp)
        if arrival > due:
            if not tracemalloc.is_tracing():
                tracemalloc.start()
            used.append(tracemalloc.get_traced_memory()[0])
            due = begin + next(hours, 25) * HOUR
    used.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return used[1:]


@pytest.mark.parametrize("transcoded", [True, False])
def test_a_day_of_talk_by_clocks_that_drift(clock: Clock, *, transcoded: bool) -> None:
    """One clock is 200 ppm slow, the other fast; 2 % are lost, 2 % overtaken.

    The codecs are G.711's on both sides, in one direction with the clock of opus, whose stamps
    wrap within the day: a day through libopus itself would take a quarter of an hour.
    """
    buffer = bytearray(BUFFER_SIZE)
    rates = (8000, 48000) if transcoded else (48000, 48000)
    agreements = [agreement(rate) for rate in rates]
    slow, fast = (
        Talker(name, buffer, clock, agreed, drift)
        for name, agreed, drift in zip("sf", agreements, (DRIFT, -DRIFT), strict=True)
    )
    slow.partner, fast.partner = fast, slow
    if transcoded:
        slow.side.sink = Way(slow.side, fast.side, *agreements)
        fast.side.sink = Way(fast.side, slow.side, *reversed(agreements))
    else:
        Bridge(0).join(slow.side, fast.side)
    used = live(clock, slow, fast)

    for talker in (slow, fast):
        listener = talker.partner
        figures = talker.side.figures().received
        assert (figures.packets, figures.lost) == (talker.sent, talker.numbered - talker.sent)
        # Where it is transcoded, one packet of each gap is made up for, and so is one that came
        # when it was not waited for any longer; but next to a gap that makes the gap longer.
        late = talker.side.tally.late
        whole = talker.sent + talker.gaps * transcoded
        assert whole - late <= listener.heard <= whole
        assert late < 0.01 * talker.sent
        assert talker.side.tally.duplicates == 0
        assert max(listener.slowest) <= MOST_LATE_SECONDS
        assert max(listener.slowest) - min(listener.slowest) < 0.01, listener.slowest
    assert max(used) - min(used) < 20_000, used
