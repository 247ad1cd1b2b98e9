"""alice's browser and bob's Linphone: both hear each other well and are told the same end."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Linphone
from tests.end_to_end.listening import hear
from tests.end_to_end.server import BOB
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALICE_HANGS_UP = "alice hangs up"
BOB_HANGS_UP = "bob hangs up"


async def hang_up(alice: Softphone, bob: Linphone, who: str) -> tuple[Ended, str]:
    """One side ends the call; how each side says that it ended."""
    if who == ALICE_HANGS_UP:
        await alice.hang_up()
    else:
        bob.hang_up()
    return await alice.ended(), await bob.ended()


CODECS = pytest.mark.parametrize(
    ("codecs", "carried", "who"),
    [
        pytest.param(("opus", "PCMU", "PCMA"), "audio/opus", ALICE_HANGS_UP, id="all"),
        pytest.param(("PCMU",), "audio/PCMU", BOB_HANGS_UP, id="PCMU"),
        pytest.param(("opus",), "audio/opus", BOB_HANGS_UP, id="opus"),
    ],
)


@CODECS
async def test_alice_calls_a_linphone_and_both_hear_each_other(
    alice: Softphone,
    linphone: StartLinphone,
    sounds: Sounds,
    tmp_path: Path,
    codecs: Sequence[str],
    carried: str,
    who: str,
) -> None:
    bob = await linphone(BOB, codecs=codecs)
    await alice.dial("bob")
    assert "alice" in await bob.rings()
    await alice.in_state("ringing")
    bob.answer()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
    assert await alice.codec() == carried
    await bob.told_by_reports()
    figures = await alice.figures()
    for direction in ("sent", "received"):
        told = figures[direction]
        assert told["packets"] > 100 and told["round_trip_ms"] > 0 and told["mos"] > 3, figures
    ends = await hang_up(alice, bob, who)

    by = "caller" if who == ALICE_HANGS_UP else "callee"
    assert ends == (Ended("hangup", by), ENDED_NORMALLY)


@CODECS
async def test_a_linphone_calls_alice_who_clicks_accept(
    alice: Softphone,
    linphone: StartLinphone,
    sounds: Sounds,
    tmp_path: Path,
    codecs: Sequence[str],
    carried: str,
    who: str,
) -> None:
    bob = await linphone(BOB, codecs=codecs)
    bob.call("sip:alice@wsphone.local")
    assert "bob" in await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks()

    await hear(tmp_path, (alice, sounds.b), (bob, sounds.a))
    assert await alice.codec() == carried
    ends = await hang_up(alice, bob, who)

    by = "callee" if who == ALICE_HANGS_UP else "caller"
    assert ends == (Ended("hangup", by), ENDED_NORMALLY)


async def press(alice: Softphone, bob: Linphone) -> None:
    """bob presses three keys, and alice is shown each of them once."""
    for key in "4*2":
        bob.press(key)
    await expect(alice.part("call-keys")).to_have_text("They pressed 4 * 2")


async def test_a_key_pressed_once_arrives_once_on_either_side(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    await alice.dial("bob")
    await alice.talks()
    await bob.talks()

    await alice.press("1599*0#")
    await bob.hears_tone("#")
    assert bob.tones_heard() == list("1599*0#")
    await press(alice, bob)
    assert await hang_up(alice, bob, ALICE_HANGS_UP) == (
        Ended("hangup", "caller"),
        ENDED_NORMALLY,
    )


async def test_a_key_that_a_phone_tells_by_info_arrives_once(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB, keys_by_info=True)
    since = bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await bob.talks(since=since)
    await press(alice, bob)
    await hang_up(alice, bob, BOB_HANGS_UP)
