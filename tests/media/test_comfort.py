"""Comfort noise is as loud and as coloured as described, and describes what it hears."""

from array import array

import numpy as np
import pytest

from media.comfort import ComfortNoise, measure
from signaling.shared.errors import CodecError
from tests.media.speech import level

WHITE = bytes([50])
DARK = bytes([50, 20])
BRIGHT = bytes([50, 234])


def noise_of(payload: bytes, rate: int = 8000) -> bytes:
    noise = ComfortNoise(rate)
    noise.describe(payload)
    return b"".join(noise.make(rate // 50) for _ in range(50))


def share_below(pcm: bytes, part: float) -> float:
    """How much of the energy lies in the lowest part of the spectrum."""
    power = np.square(np.abs(np.fft.rfft(np.array(array("h", pcm), dtype=np.float64))))
    return float(power[: int(len(power) * part)].sum() / power.sum())


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("payload", [WHITE, DARK, BRIGHT, bytes([50, 60, 140, 100])])
def test_noise_is_as_loud_as_described(payload: bytes, rate: int) -> None:
    assert level(noise_of(payload, rate)) == pytest.approx(32768 * 10 ** (-50 / 20), rel=0.1)


def test_noise_has_the_described_colour() -> None:
    assert share_below(noise_of(WHITE), 0.5) == pytest.approx(0.5, abs=0.05)
    assert share_below(noise_of(DARK), 0.5) > 0.9
    assert share_below(noise_of(BRIGHT), 0.5) < 0.1


@pytest.mark.parametrize("payload", [bytes([30]), bytes([40, 30]), bytes([45, 60, 170, 110])])
def test_what_is_measured_makes_the_same_noise_again(payload: bytes) -> None:
    first = noise_of(payload)
    again = noise_of(measure(first[:640]))
    assert level(again) == pytest.approx(level(first), rel=0.2)
    assert share_below(again, 0.5) == pytest.approx(share_below(first, 0.5), abs=0.1)


def test_frames_do_not_repeat() -> None:
    noise = ComfortNoise(8000)
    noise.describe(WHITE)
    assert len({noise.make(160) for _ in range(45)}) == 45


def test_silence_is_the_quietest_there_is() -> None:
    assert measure(bytes(320)) == bytes([127])
    assert level(noise_of(bytes([127]))) < 1


def test_before_a_description_there_is_silence() -> None:
    assert ComfortNoise(8000).make(160) == bytes(320)


@pytest.mark.parametrize("payload", [bytes([0]), bytes([10]) + b"\xff" * 200, bytes(1500)])
def test_hostile_descriptions_make_bounded_noise(payload: bytes) -> None:
    assert len(noise_of(payload)) == 16000


def test_an_empty_description_is_refused() -> None:
    with pytest.raises(CodecError):
        ComfortNoise(8000).describe(b"")


def test_more_than_a_second_at_once_is_our_mistake() -> None:
    with pytest.raises(ValueError):
        ComfortNoise(8000).make(8001)
