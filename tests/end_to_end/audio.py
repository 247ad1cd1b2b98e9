"""Judges a recording: is it the looped source, undisturbed, and how good does it sound?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pesq import pesq
from scipy.signal import resample_poly

Samples = NDArray[np.float64]

RATE = 8000
"""Narrow-band: what all codecs under test carry, and what ITU-T P.862 is defined for."""


FINE = 8
"""Steps a sample in which the lag is sought: half a sample is a quarter turn at 2 kHz."""

MIN_CORRELATION = 0.9
MIN_PESQ = 3.5
LISTEN_SECONDS = 8.0
"""How long to record: one voice, and before it what jitter buffers take to settle."""


@dataclass(frozen=True)
class Verdict:
    """How a recording compares with its source."""

    correlation: float
    pesq: float


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
    spectrum = np.fft.rfft(reference)
    circular = FINE * np.fft.irfft(np.fft.rfft(heard) * np.conj(spectrum), FINE * size)
    peak = int(np.argmax(circular))
    turned = spectrum * np.exp(-2j * np.pi * np.fft.rfftfreq(size) * peak / FINE)
    energy = float(np.linalg.norm(heard) * np.linalg.norm(reference)) or 1.0
    score = pesq(RATE, np.fft.irfft(turned, size), heard, "nb")
    return Verdict(float(circular[peak]) / energy, float(score))


def assert_heard(recording: Path, source: Path) -> None:
    """The recording is the source, undisturbed, and sounds as good as a telephone call can."""
    verdict = compare(recording, source)
    assert verdict.correlation >= MIN_CORRELATION and verdict.pesq >= MIN_PESQ, (
        f"{recording} against {source.name}: {verdict}"
    )
