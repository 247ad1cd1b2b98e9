"""alice's browser and bob's Linphone: both hear each other well and are told the same end."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.end_to_end.audio import LISTEN_SECONDS, assert_heard
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY, Linphone
from tests.end_to_end.server import BOB
from tests.end_to_end.sounds import Sounds

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALICE_HANGS_UP = "alice hangs up"
BOB_HANGS_UP = "bob hangs up"


async def converse(alice: Softphone, folder: Path) -> Path:
    """Let both speak for a while; what alice heard."""
    heard = folder / "alice-heard.wav"
    async with alice.recording(heard):
        await asyncio.sleep(LISTEN_SECONDS)
    return heard


async def hang_up(alice: Softphone, bob: Linphone, who: str) -> tuple[Ended, str]:
    """One side ends the call; how each side says that it ended."""
    if who == ALICE_HANGS_UP:
        await alice.hang_up()
    else:
        bob.hang_up()
    return await alice.ended(), await bob.ended()


@pytest.mark.parametrize(
    ("codecs", "carried", "who", "by"),
    [
        pytest.param(("opus", "PCMU", "PCMA"), "audio/opus", ALICE_HANGS_UP, "caller", id="all"),
        pytest.param(("PCMU",), "audio/PCMU", BOB_HANGS_UP, "callee", id="PCMU"),
        pytest.param(("opus",), "audio/opus", BOB_HANGS_UP, "callee", id="opus"),
    ],
)
async def test_alice_calls_a_linphone_and_both_hear_each_other(
    alice: Softphone,
    linphone: StartLinphone,
    sounds: Sounds,
    tmp_path: Path,
    codecs: Sequence[str],
    carried: str,
    who: str,
    by: str,
) -> None:
    bob = await linphone(BOB, codecs=codecs)
    await alice.dial("bob")
    assert "alice" in await bob.rings()
    await alice.in_state("ringing")
    bob.answer()
    await alice.talks()
    await bob.talks()

    alice_heard = await converse(alice, tmp_path)
    assert await alice.codec() == carried
    await bob.told_by_reports()
    figures = await alice.figures()
    for direction in ("sent", "received"):
        told = figures[direction]
        assert told["packets"] > 100 and told["round_trip_ms"] > 0 and told["mos"] > 3, figures
    ends = await hang_up(alice, bob, who)

    assert ends == (Ended("hangup", by), ENDED_NORMALLY)
    assert_heard(alice_heard, sounds.b.once)
    assert_heard(bob.recording, sounds.a.once)


async def test_a_linphone_calls_alice_who_clicks_accept(
    alice: Softphone, linphone: StartLinphone, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await linphone(BOB)
    bob.call("sip:alice@wsphone.local")
    assert "bob" in await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks()

    alice_heard = await converse(alice, tmp_path)
    ends = await hang_up(alice, bob, ALICE_HANGS_UP)

    assert ends == (Ended("hangup", "callee"), ENDED_NORMALLY)
    assert_heard(alice_heard, sounds.b.once)
    assert_heard(bob.recording, sounds.a.once)


async def test_the_keypad_reaches_a_linphone_as_telephone_events(
    alice: Softphone, linphone: StartLinphone
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    await alice.dial("bob")
    await alice.talks()
    await bob.talks()

    await alice.press("159*0#")
    heard_until = 0
    for key in "159*0#":
        heard_until = await bob.hears_tone(key, since=heard_until)

    assert await hang_up(alice, bob, ALICE_HANGS_UP) == (
        Ended("hangup", "caller"),
        ENDED_NORMALLY,
    )
