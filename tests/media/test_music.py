"""Music as sound and as packets: any usual WAV file, encoded once, without a seam."""

import wave
from array import array
from pathlib import Path

import numpy as np
import pytest

from media.codec import Encoder
from media.music import RATE, SHIPPED, Programme, Tune, find_music
from media.sounds.compose import compose
from signaling.shared.errors import OperatorError


def write(path: Path, *, channels: int = 1, width: int = 2, rate: int = 8000) -> str:
    """A second of 440 Hz at half of full scale, on the left when there are two channels."""
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate) / 2
    top = 2 ** (8 * width - 1) - 1
    samples = np.zeros((rate, channels))
    samples[:, 0] = tone * top
    if width == 1:
        data = (samples + 128).astype(np.uint8).tobytes()
    else:
        whole = samples.astype("<i4").tobytes()
        data = b"".join(whole[at : at + width] for at in range(0, len(whole), 4))
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return str(path)


def sound(tune: Tune) -> np.ndarray:
    return np.frombuffer(b"".join(tune.frames(20)), "<i2").astype(float)


class Counting:
    """An encoder whose packets are the numbers of its frames."""

    rate = 8000

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def encode(self, pcm: bytes) -> bytes:
        self.lengths.append(len(pcm))
        return b"%d" % len(self.lengths)

    def expect_loss(self, fraction: float) -> None:
        """Nothing gets lost here."""


class TestTune:
    @pytest.mark.parametrize("width", [1, 2, 3])
    @pytest.mark.parametrize("rate", [8000, 16000, 44100])
    def test_a_file_of_any_width_and_rate_sounds_the_same(
        self, tmp_path: Path, width: int, rate: int
    ) -> None:
        tune = Tune.read(write(tmp_path / "tone.wav", width=width, rate=rate))
        heard = sound(tune)
        tone = np.sin(2 * np.pi * 440 * np.arange(len(heard)) / RATE) * 16383
        assert np.corrcoef(heard, tone)[0, 1] > 0.99
        assert 0.9 < np.std(heard) / np.std(tone) < 1.05

    def test_both_channels_are_heard(self, tmp_path: Path) -> None:
        tune = Tune.read(write(tmp_path / "tone.wav", channels=2))
        assert 0.45 < np.std(sound(tune)) / (16383 / 2**0.5) < 0.55

    def test_what_is_no_music_is_refused_with_what_to_do(self, tmp_path: Path) -> None:
        (tmp_path / "broken.wav").write_bytes(b"RIFF")
        (tmp_path / "song.mp3").write_bytes(b"ID3" * 100)
        for name in ("broken.wav", "song.mp3", "missing.wav", ""):
            with pytest.raises(OperatorError, match="sox"):
                Tune.read(str(tmp_path / name))
        with pytest.raises(OperatorError, match="mono or stereo"):
            Tune.read(write(tmp_path / "tone.wav", channels=3))

    def test_an_empty_file_and_an_endless_one_are_refused(self, tmp_path: Path) -> None:
        for name, seconds in (("empty.wav", 0), ("endless.wav", 601)):
            with wave.open(str(tmp_path / name), "wb") as file:
                file.setparams((1, 1, 10, 0, "NONE", ""))
                file.writeframes(bytes(10 * seconds))
            with pytest.raises(OperatorError, match="seconds"):
                Tune.read(str(tmp_path / name))


class TestProgramme:
    def test_each_frame_is_encoded_once_and_then_it_begins_again(self) -> None:
        encoder = Counting()

        def make(codec: str, rate: int, frame_ms: int) -> Encoder:
            assert (codec, rate, frame_ms) == ("PCMA/8000", 16000, 30)
            return encoder

        programme = Programme(Tune(bytes(2 * RATE)), "PCMA/8000", 30, make)
        played = [programme.next() for _ in range(80)]
        # A second has 33 frames of 30 ms, and a rest that is left out.
        assert encoder.lengths == [960] * 33
        assert played == [b"%d" % (1 + number % 33) for number in range(80)]


class TestShipped:
    def test_it_is_what_the_script_composes(self) -> None:
        with wave.open(str(SHIPPED)) as file:
            assert file.getparams()[:3] == (1, 2, 16000)
            kept = array("h", file.readframes(file.getnframes()))
        composed = array("h", compose())
        assert len(kept) == len(composed)
        # Sines differ by a rounding between machines.
        assert max(abs(one - two) for one, two in zip(kept, composed, strict=True)) <= 1

    def test_it_is_small_and_fits_into_frames_of_every_length(self) -> None:
        assert SHIPPED.stat().st_size < 300_000
        samples = (SHIPPED.stat().st_size - 44) // 2
        assert samples % (16 * 60) == samples % (16 * 20) == 0

    def test_it_is_calm_and_has_no_seam(self) -> None:
        heard = sound(Tune.read(str(SHIPPED)))
        assert np.abs(heard).max() < 10_000
        seam = abs(heard[0] - heard[-1])
        assert seam <= np.abs(np.diff(heard)).max()
        # Never silent, so that nobody hangs up.
        assert np.sqrt((heard.reshape(-1, 8000) ** 2).mean(axis=1)).min() > 500


class TestChoice:
    def test_the_words_and_a_file_of_ones_own(self, tmp_path: Path) -> None:
        own = write(tmp_path / "own.wav")
        assert find_music("none") is None
        assert find_music("default") == str(SHIPPED)
        assert find_music(own) == own
        with pytest.raises(OperatorError):
            find_music(str(tmp_path / "missing.wav"))
