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
from tests.end_to_end.listening import Ear, hear, hears_tone
from tests.end_to_end.server import BOB
from tests.end_to_end.sounds import Sounds, make_tone
from tests.end_to_end.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

LISTEN_SECONDS = 2.5
OWN_HERTZ = 700


def likeness(recording: Path) -> float:
    """How much the last second of a recording is like its likest second of the shipped music."""
    reference, heard = np.tile(load(SHIPPED), 2), load(recording)[-RATE:]
    if len(heard) < RATE:
        return 0.0
    products = correlate(reference, heard, "valid", "fft")
    energy = np.convolve(reference**2, np.ones(RATE), "valid")
    return float(np.max(products / np.sqrt(energy * (heard @ heard) + 1e-9)))


async def shows(alice: Softphone, text: str) -> None:
    await expect(alice.part("call-state")).to_have_text(text, timeout=10_000)


async def hears_music(ear: Ear, path: Path) -> None:
    """Wait until the shipped music was heard undisturbed for a second."""

    async def heard() -> float:
        async with ear.hearing(path):
            await asyncio.sleep(LISTEN_SECONDS)
        return likeness(path)

    await eventually(heard, lambda heard: heard > 0.9)


async def test_alice_and_a_linphone_hold_each_other_in_turn(
    alice: Softphone, linphone: StartLinphone, sounds: Sounds, tmp_path: Path
) -> None:
    await make_tone(tmp_path / "own.wav", OWN_HERTZ)
    bob = await linphone(BOB, codecs=("opus", "PCMU"), speech=tmp_path / "own.wav")
    since = bob.call("sip:alice@wsphone.local")
    await alice.rings()
    await alice.accept()
    await alice.talks()
    await bob.talks(since=since)

    since = bob.mark()
    bob.write("pause")
    await bob.expect("is now paused", since=since)
    await shows(alice, "On hold by bob")
    # Linphone plays what it has in place of a microphone to whom it holds, too: its own music.
    await hears_tone(alice, tmp_path, OWN_HERTZ)
    since = bob.mark()
    bob.write("resume")
    await bob.expect("Media streams established", since=since)
    await shows(alice, "Talking")
    # Who no longer only sends would not be heard through a hold that went on.
    await hears_tone(alice, tmp_path, OWN_HERTZ)

    since = bob.mark()
    await alice.part("hold").click()
    await bob.expect("has been paused by", since=since)
    since = bob.mark()
    await alice.part("hold").click()
    await bob.expect("Media streams established", since=since)
    await shows(alice, "Talking")
    await asyncio.gather(hears_tone(alice, tmp_path, OWN_HERTZ), hear(tmp_path, (bob, sounds.a)))

    # A hang-up ends a call that is held like any other.
    since = bob.mark()
    await alice.page.keyboard.press("h")
    await bob.expect("has been paused by", since=since)
    await hears_music(bob, tmp_path / "bob.wav")
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "callee")
    assert await bob.ended() == ENDED_NORMALLY


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
