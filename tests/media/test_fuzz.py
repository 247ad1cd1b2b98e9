"""Anything at the open ports of calls: they go on, and nobody hears or pays for it."""

import asyncio
import random
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.aiortc_engine import AiortcEngine
from tests.media.harness import quick
from tests.media.openings import Openings

SOURCE = b"\0\0\x11\x11"
MOST_SPOKEN = 1300
"""No telephone makes longer packets, nor have those of the tests room for them."""
PEER = 2
"""Who throws: one of two strangers, or whoever is at the other end."""

Throw = tuple[int, int, bool, bytes]
"""Which port, who, whether at RTCP's, and what."""

# What a first byte makes of a datagram: STUN, DTLS, RTP, RTCP (RFC 7983).
FIRST = st.sampled_from([b"\0\1", b"\1\1", b"\x14\xfe", b"\x16\xfe", b"\x17\xfe"])
KIND = st.sampled_from([0, 8, 9, 13, 101, 200, 201, 202, 203, 205, 206, 207])
NOISE = st.one_of(
    st.binary(max_size=2500),
    st.builds(bytes.__add__, FIRST, st.binary(max_size=200)),
    st.builds(lambda kind, rest: bytes([0x80, kind]) + rest, KIND, st.binary(max_size=200)),
    st.builds(
        lambda kind, rest: bytes([0x80, kind]) + rest, KIND, st.binary(min_size=10, max_size=60)
    ),
)


def mutated(rng: random.Random, datagram: bytes) -> bytes:
    """A real packet with a few things wrong."""
    data = bytearray(datagram)
    for _ in range(rng.randrange(4)):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if place < len(data):
                data[place] = rng.randrange(256)
            case 1:
                del data[place:]
            case 2:
                data[place:place] = rng.randbytes(rng.choice((1, 4, 200, 1500)))
            case 3:
                data[place : place + 2] = rng.choice((b"\0\0", b"\xff\xff", b"\x7f\xff"))
            case _:
                data[place:] = data[:place]
    return bytes(data[:4000])


def throws(who: Sequence[int]) -> st.SearchStrategy[list[Throw]]:
    one = st.tuples(st.integers(0, 4), st.sampled_from(who), st.booleans(), NOISE)
    return st.lists(one, min_size=1, max_size=20)


class House:
    """A running engine with its openings, for tests that are no coroutines."""

    def __init__(self, runner: asyncio.Runner, openings: Openings, engine: AiortcEngine) -> None:
        self._runner = runner
        self._engine = engine
        self.openings = openings

    def take(self, thrown: Sequence[Throw]) -> None:
        """Throw all of it, then see that every call goes on."""
        self._runner.run(self._take(thrown))

    async def _take(self, thrown: Sequence[Throw]) -> None:
        before = self._engine.counts()
        for place, who, control, datagram in thrown:
            opening = self.openings.all[place]
            if who == PEER:
                await opening.peer.throw(datagram, control=control)
                if 1 < len(datagram) <= MOST_SPOKEN:
                    # By another source: of its own, SRTP would let no number pass but the next.
                    await opening.peer.speak(datagram.replace(SOURCE, b"else"))
            else:
                stranger = self.openings.strangers[who]
                stranger.engine = "127.0.0.1", opening.port
                # One who knew the peer's SSRC could take its place after a silence.
                await stranger.throw(datagram.replace(SOURCE, b"else"), control=control)
        strictly = all(who != PEER for _, who, _, _ in thrown)
        for opening in self.openings.all:
            await opening.works(strictly=strictly)
        assert self._engine.counts() == before


@pytest.fixture
def house(loopback_ice: None, caplog: pytest.LogCaptureFixture) -> Iterator[House]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def open_all() -> House:
            engine = AiortcEngine(quick(report_seconds=60.0))
            stack.push_async_callback(engine.aclose)
            openings = await stack.enter_async_context(Openings(engine).opened())
            return House(runner, openings, engine)

        house = runner.run(open_all())
        yield house
        runner.run(stack.aclose())
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@EXAMPLES
@given(throws((0, 1)))
def test_noise_of_strangers_is_not_heard(house: House, thrown: list[Throw]) -> None:
    house.take(thrown)


@EXAMPLES
@given(throws((PEER,)))
def test_noise_of_the_peer_itself_breaks_nothing(house: House, thrown: list[Throw]) -> None:
    house.take(thrown)


@pytest.mark.parametrize("who", [(0, 1), (PEER,)], ids=["strangers", "the peer"])
def test_thousands_of_broken_packets_leave_nothing_behind(
    house: House, who: tuple[int, ...]
) -> None:
    rng = random.Random(str(who))

    def some(count: int) -> None:
        for _ in range(count // 20):
            house.take(
                [
                    (
                        rng.randrange(5),
                        rng.choice(who),
                        rng.random() < 0.3,
                        mutated(rng, rng.choice(house.openings.samples)),
                    )
                    for _ in range(20)
                ]
            )

    some(2000)
    tracemalloc.start()
    some(500)
    before = tracemalloc.get_traced_memory()[0]
    some(2500)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000
