"""The judge of the recordings: it passes what a call leaves as it was, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.end_to_end.audio import RATE, Samples, assert_heard, load, loudest_tone
from tests.end_to_end.sounds import Sounds, make_tone

PACKET = RATE // 50


@pytest.fixture
def heard(sounds: Sounds) -> Samples:
    """Eight seconds of voice a, from the middle of a word."""
    return load(sounds.a.looped)[11 * RATE // 7 :][: 8 * RATE]


def save(folder: Path, samples: Samples) -> Path:
    path = folder / "heard.wav"
    soundfile.write(path, samples, RATE)
    return path


def test_an_undisturbed_recording_passes(heard: Samples, sounds: Sounds, tmp_path: Path) -> None:
    assert_heard(save(tmp_path, heard), sounds.a.once)


def test_pauses_stretched_by_a_jitter_buffer_pass(
    heard: Samples, sounds: Sounds, tmp_path: Path
) -> None:
    quiet = int(np.argmin(np.convolve(np.abs(heard), np.ones(PACKET), "valid")[RATE : 4 * RATE]))
    pause = RATE + quiet + PACKET // 2
    stretched = np.insert(heard, pause, np.zeros(2 * PACKET))
    assert_heard(save(tmp_path, stretched), sounds.a.once)


def test_another_voice_fails(heard: Samples, sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="correlation=0"):
        assert_heard(save(tmp_path, heard), sounds.b.once)


def test_silence_fails(heard: Samples, sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="silent"):
        assert_heard(save(tmp_path, np.zeros_like(heard)), sounds.a.once)


def test_lost_packets_fail(heard: Samples, sounds: Sounds, tmp_path: Path) -> None:
    torn = heard.copy()
    for start in range(0, len(torn), 20 * PACKET):
        torn[start : start + PACKET] = 0.0
    with pytest.raises(AssertionError, match="pesq"):
        assert_heard(save(tmp_path, torn), sounds.a.once)


def test_a_recording_that_broke_off_fails(heard: Samples, sounds: Sounds, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="too short"):
        assert_heard(save(tmp_path, heard[: 5 * RATE]), sounds.a.once)


async def test_a_tone_is_known_by_its_frequency_and_a_voice_is_none(
    sounds: Sounds, tmp_path: Path
) -> None:
    await make_tone(tmp_path / "tone.wav", 500)
    assert loudest_tone(tmp_path / "tone.wav") == 500
    spoken = load(sounds.a.once)
    for second in (1, 2, 3):
        assert loudest_tone(save(tmp_path, spoken[: second * RATE])) == 0
