"""Judges a recording: is it the looped source, undisturbed, and how good does it sound?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pesq import pesq
from scipy.signal import correlate, resample_poly

Samples = NDArray[np.float64]

RATE = 8000
"""Narrow-band: what all codecs under test carry, and what ITU-T P.862 is defined for."""


BLOCK = RATE // 4
REACH = RATE // 10
"""How far, in samples, a block may lie from where the whole recording has it."""
FINE = 8
"""Steps a sample in which a block is aligned: half a sample is a quarter turn at 2 kHz."""

MIN_CORRELATION = 0.9
MIN_PESQ = 3.5


@dataclass(frozen=True)
class Verdict:
    """How a recording compares with its source."""

    correlation: float
    pesq: float

    def passes(self, least_pesq: float = MIN_PESQ) -> bool:
        """Whether it is the source, undisturbed, and sounds as good as a telephone call can."""
        return self.correlation >= MIN_CORRELATION and self.pesq >= least_pesq


def load(path: Path) -> Samples:
    """A mono sound file at RATE."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    return np.asarray(resample_poly(samples[:, 0], RATE, rate), dtype=np.float64)


def compare(recording: Path, source: Path) -> Verdict:
    """Hold the end of a recording against the source that was played over and over.

    The last stretch as long as the source is the source rotated by some lag, which the peak of
    the circular correlation finds.
    """
    reference, heard = load(source), load(recording)
    size = len(reference)
    if len(heard) < size:
        raise AssertionError(f"{recording} lasts {len(heard) / RATE:.1f} s: too short to judge")
    heard = heard[-size:]
    if not heard.any():
        raise AssertionError(f"{recording} is silent")
    spectrum = np.fft.rfft(heard) * np.conj(np.fft.rfft(reference))
    expected = np.roll(reference, int(np.argmax(np.fft.irfft(spectrum, size))))
    return Verdict(_correlation(heard, expected), float(pesq(RATE, expected, heard, "nb")))


def loudest_tone(recording: Path) -> int:
    """The frequency of the tone that the last half second is, in hertz; 0 if it is none."""
    end = load(recording)[-RATE // 2 :]
    power = np.abs(np.fft.rfft(end * np.hanning(len(end)))) ** 2
    loudest = int(np.argmax(power))
    near = power[max(0, loudest - 3) : loudest + 4].sum()
    return loudest * 2 if near > 0.9 * power.sum() else 0


def assert_heard(recording: Path, source: Path, *, least_pesq: float = MIN_PESQ) -> None:
    verdict = compare(recording, source)
    assert verdict.passes(least_pesq), f"{recording} against {source.name}: {verdict}"


def _correlation(heard: Samples, expected: Samples) -> float:
    """The correlation of both, each block aligned on its own, louder blocks counting for more.

    A jitter buffer stretches or cuts the pauses between words as the network asks, so one lag
    does not fit all of a recording.
    """
    matched = possible = 0.0
    for start in range(0, len(heard) - BLOCK + 1, BLOCK):
        block = heard[start : start + BLOCK]
        around = np.arange(start - REACH, start + BLOCK + REACH)
        nearby = np.take(expected, around, mode="wrap")
        products = resample_poly(correlate(nearby, block, "valid"), FINE, 1)
        peak = int(np.argmax(products))
        found = nearby[peak // FINE : peak // FINE + BLOCK]
        matched += float(products[peak])
        possible += float(np.linalg.norm(block) * np.linalg.norm(found))
    return matched / possible if possible else 0.0
