"""Calls whose way breaks, or whose page comes anew, go on by another way."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.end_to_end.browser import Ended, Softphone, softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.listening import ATTEMPTS, LISTEN_TWICE_SECONDS, RELAXED_PESQ, hear
from tests.end_to_end.network import closed
from tests.end_to_end.relay import Relay
from tests.end_to_end.server import BOB, Server
from tests.end_to_end.sounds import Sounds
from tests.end_to_end.test_browsers import call
from tests.end_to_end.test_resume import cut_and_restore
from tests.end_to_end.waiting import eventually
from tests.end_to_end.wiretap import Wiretap, wiretap

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONGEST_GAP_SECONDS = 0.5
SETTLE_SECONDS = 1.0


async def ports_of(phone: Softphone) -> set[int]:
    return {int(line.split()[5]) for line in await phone.candidates()}


@pytest.mark.timeout(LISTEN_TWICE_SECONDS)
async def test_a_direct_call_whose_way_breaks_goes_on_through_the_server(
    alice: Softphone, shy_chromium: Browser, server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    async with softphone(shy_chromium, server.url, voice=sounds.b.looped) as bob:
        await bob.log_in(BOB.name, BOB.password)
        await call(alice, bob)
        assert (await server.counts())["ports"] == 0
        async with closed(await ports_of(alice) | await ports_of(bob)):
            await eventually(server.counts, lambda counts: counts["ports"] == 2, seconds=30)
            await alice.talks()
            await bob.talks()
            # What the jitter buffers learnt on the direct way has to settle anew.
            await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=RELAXED_PESQ)
        await alice.hang_up()
        assert await alice.ended() == Ended("hangup", "caller")
        assert await bob.ended() == Ended("hangup", "caller")


@pytest.mark.timeout(LISTEN_TWICE_SECONDS)
async def test_a_phone_hears_a_short_gap_and_no_word_of_moves(
    roaming_alice: Softphone,
    line: Relay,
    linphone: StartLinphone,
    sounds: Sounds,
    tmp_path: Path,
) -> None:
    alice = roaming_alice

    async def finds_its_path_dead() -> None:
        """The browser's way through a NAT is gone; the session's is not."""
        async with closed(await ports_of(alice)), alice.moving():
            await alice.page.evaluate("window.dispatchEvent(new Event('online'))")

    async def changes_its_network() -> None:
        """Wi-Fi breaks off, and the next network knows nothing of either way."""
        async with closed(await ports_of(alice)), alice.moving():
            await cut_and_restore(alice, line)

    async def is_loaded_anew() -> None:
        await alice.page.reload()
        await alice.online()
        await alice.talks()

    bob = await linphone(BOB, auto_answer=True)
    await alice.dial("bob")
    await alice.talks()
    await bob.talks()
    said = bob.conversation()
    with wiretap(phone=bob.line.sound_ports, server=line.port) as tap:
        for move in (finds_its_path_dead, changes_its_network, is_loaded_anew):
            await gap_is_short(tap, move)
    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a), least_pesq=RELAXED_PESQ)
    assert bob.conversation() == said
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended() == ENDED_NORMALLY


async def gap_is_short(tap: Wiretap, move: Callable[[], Awaitable[None]]) -> None:
    """From the page's offer on, the phone is without sound for half a second at most.

    A browser on a busy machine is late now and then; a fault of the move is there every time.
    """
    gaps: list[float] = []
    for _ in range(ATTEMPTS):
        gaps.append(await gap_of(tap, move))
        if gaps[-1] < LONGEST_GAP_SECONDS:
            return
    raise AssertionError(f"{move.__name__}: silent for {gaps} s after the offers")


async def gap_of(tap: Wiretap, move: Callable[[], Awaitable[None]]) -> float:
    known = len(tap.offers)
    await move()
    assert len(tap.offers) == known + 1, f"{move.__name__}: {len(tap.offers) - known} offers"
    offer = tap.offers[-1]

    async def last_heard() -> float:
        return tap.sound[-1] if tap.sound else 0.0

    await eventually(last_heard, lambda at: at > offer + SETTLE_SECONDS)
    return tap.longest_silence(offer, SETTLE_SECONDS)
