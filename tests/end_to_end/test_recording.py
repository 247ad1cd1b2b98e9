"""A recorded call of a page and a Linphone: both are told, and both voices are in the file."""

import asyncio
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.async_api import expect

from tests.end_to_end.audio import RATE, Samples, Verdict, compare, load
from tests.end_to_end.browser import Ended, Softphone
from tests.end_to_end.conftest import StartLinphone
from tests.end_to_end.linphone import ENDED_NORMALLY
from tests.end_to_end.server import ALICE, BOB, Server
from tests.end_to_end.sounds import SECONDS, Sounds

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

# A voice, and before it what jitter buffers take to settle.
STRETCH_SECONDS = SECONDS + 1.3
# Both voices went through opus twice, and one through a busy browser.
LEAST_PESQ = 2.9
# As pages and telephones that are listened to: a fault of the recorder is there every time.
ATTEMPTS = 3
TONE_HZ = 1400
WINDOW = RATE // 10


def purity(sound: Samples) -> float:
    """How much of the purest tenth of a second is the tone that tells of a recording."""
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW)
    spectra = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    at = TONE_HZ * WINDOW // RATE
    loud = spectra.sum(axis=1) > 1e-3
    parts = spectra[loud, at - 2 : at + 3].sum(axis=1) / spectra[loud].sum(axis=1)
    return float(parts.max(initial=0.0))


def judge(ogg: bytes, sounds: Sounds, folder: Path) -> list[Verdict]:
    """Each side of the last recording in a file: its first stretch, and its last one."""
    last = ogg[ogg.rindex(b"OpusHead") - 28 :]
    sound, rate = soundfile.read(io.BytesIO(last))
    size = int(STRETCH_SECONDS * rate)
    verdicts = []
    for side, voice in enumerate((sounds.a, sounds.b)):
        for name, cut in (("begin", sound[:size, side]), ("end", sound[-size:, side])):
            path = folder / f"{side} {name}.wav"
            soundfile.write(path, cut, rate)
            verdicts.append(compare(path, voice.once))
    return verdicts


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
        found = judge(ogg, sounds, tmp_path)
        verdicts += found
        if all(verdict.passes(LEAST_PESQ) for verdict in found):
            break
    else:
        raise AssertionError(f"{tmp_path}: {verdicts}")
    await alice.hang_up()
    assert await alice.ended() == Ended("hangup", "caller")
    assert await bob.ended() == ENDED_NORMALLY
    assert purity(load(bob.recording)) > 0.9
    assert purity(load(sounds.a.once)) < 0.8

    assert server.data_dir is not None
    kept = list((server.data_dir / "recordings").iterdir())
    assert len(kept) == ogg.count(b"OpusHead")
    assert not any(b"OggS" in path.read_bytes() for path in kept)
