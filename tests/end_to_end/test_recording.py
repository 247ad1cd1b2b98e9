"""A recorded call of a page and a Linphone: both are told, and both voices are in the file."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.end_to_end.audio import Verdict, load
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.recordings import (
    ATTEMPTS,
    LEAST_PESQ,
    LEAST_PURITY,
    STRETCH_SECONDS,
    chained,
    judge,
    purity,
)
from tests.end_to_end.server import ALICE, BOB, Server
from tests.end_to_end.sounds import Sounds

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]


async def record(alice: Softphone) -> None:
    """Record the call, through a hold and a reload of the page, which moves its media."""
    told = expect(alice.part("call-recorded"))
    await alice.part("record").click()
    await told.to_have_text("This call is recorded")
    await asyncio.sleep(STRETCH_SECONDS)
    for text in ("On hold", "Talking"):
        await alice.page.keyboard.press("h")
        await expect(alice.part("call-state")).to_have_text(text)
    await alice.page.reload()
    await alice.online()
    await alice.talks()
    await told.to_have_text("This call is recorded")
    await asyncio.sleep(STRETCH_SECONDS)
    await alice.part("record").click()
    await told.to_have_text("The recording has ended")


async def test_both_voices_are_recorded_through_a_hold_and_a_move(
    alice: Softphone, linphone: StartLinphone, server: Server, sounds: Sounds, tmp_path: Path
) -> None:
    bob = await linphone(BOB, auto_answer=True)
    await alice.dial("bob")
    await alice.talks()
    await bob.talks()
    (call,) = await alice.page.evaluate("wsphone.calls().map(({ id }) => id)")
    verdicts: list[Verdict] = []
    for _ in range(ATTEMPTS):
        await record(alice)
        ogg = await server.download(ALICE, f"/api/calls/{call}/recording")
        found = judge(chained(ogg)[-1], sounds, tmp_path)
        verdicts += found
        if all(verdict.passes(LEAST_PESQ) for verdict in found):
            break
    else:
        raise AssertionError(f"{tmp_path}: {verdicts}")
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended() == ENDED_NORMALLY
    assert purity(load(bob.recording)) > LEAST_PURITY
    assert purity(load(sounds.a.once)) < 0.8

    assert server.data_dir is not None
    kept = list((server.data_dir / "recordings").iterdir())
    assert len(kept) == len(chained(ogg))
    assert not any(b"OggS" in path.read_bytes() for path in kept)
