"""Hold, from the page and from real telephones: both sides show it, and who waits hears music."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import expect
from scipy.signal import correlate

from media.music import SHIPPED
from tests.end_to_end.audio import RATE, load
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartBaresip, StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.server import BOB

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTEN_SECONDS = 2.5


def likeness(recording: Path, source: Path = SHIPPED) -> float:
    """How much the last second of a recording is like its likest second of a looped source."""
    reference, heard = np.tile(load(source), 2), load(recording)[-RATE:]
    products = correlate(reference, heard, "valid", "fft")
    energy = np.convolve(reference**2, np.ones(RATE), "valid")
    return float(np.max(products / np.sqrt(energy * (heard @ heard) + 1e-9)))


async def shows(alice: Softphone, text: str) -> None:
    await expect(alice.part("call-state")).to_have_text(text, timeout=10_000)


async def hears_music(alice: Softphone, path: Path) -> None:
    async with alice.hearing(path):
        await asyncio.sleep(LISTEN_SECONDS)
    assert likeness(path) > 0.9


async def test_alice_and_a_linphone_hold_each_other_in_turn(
    alice: Softphone, linphone: StartLinphone, tmp_path: Path
) -> None:
    bob = await linphone(BOB, codecs=("opus", "PCMU"))
    since = bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks(since=since)

    since = bob.mark()
    bob.write("pause")
    await bob.expect("is now paused", since=since)
    await shows(alice, "On hold by bob")
    await hears_music(alice, tmp_path / "alice.wav")
    since = bob.mark()
    bob.write("resume")
    await bob.expect("Media streams established", since=since)
    await shows(alice, "Talking")

    since = bob.mark()
    await alice.part("hold").click()
    await bob.expect("has been paused by", since=since)
    since = bob.mark()
    await alice.part("hold").click()
    await bob.expect("Media streams established", since=since)
    await shows(alice, "Talking")

    # A hang-up ends a call that is held like any other.
    await alice.page.keyboard.press("h")
    await bob.expect("has been paused by", since=bob.mark() - 1)
    await asyncio.sleep(LISTEN_SECONDS)
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "callee")
    assert await bob.ended() == ENDED_NORMALLY
    assert likeness(bob.recording) > 0.9


async def test_alice_and_a_baresip_hold_each_other_at_once(
    alice: Softphone, baresip: StartBaresip, tmp_path: Path
) -> None:
    bob = await baresip(BOB, auto_answer=True)
    await alice.dial("bob")
    await alice.talks()
    await bob.talks()

    await asyncio.gather(bob.hold(), alice.part("hold").click())
    await shows(alice, "On hold by you and bob")
    await alice.part("hold").click()
    await shows(alice, "On hold by bob")
    await hears_music(alice, tmp_path / "alice.wav")
    await bob.resume()
    await shows(alice, "Talking")
    await bob.hang_up()
    assert await alice.ended() == Ended("hangup", "callee")
