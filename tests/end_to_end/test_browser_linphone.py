"""alice's browser and bob's Linphone: both hear each other well and are told the same end."""

from collections.abc import Sequence
from pathlib import Path

import pytest

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
