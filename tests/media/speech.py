"""Real speech for codecs, and how much of it came through."""

import asyncio
from array import array
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from pesq import pesq
from scipy.signal import correlate, resample_poly

from media.codec import Decoder, Encoder
from tests.end_to_end.sounds import make_sounds

Samples = NDArray[np.float64]

NO_LOSS: Container[int] = ()


@dataclass(frozen=True)
class Speech:
    """A few seconds of a voice at both rates, as the codecs take it."""

    at: dict[int, bytes]


def make_speech(folder: Path) -> Speech:
    sounds = asyncio.run(make_sounds(folder))
    wide, _ = soundfile.read(sounds.a.once, dtype="float64")
    return Speech({16000: _pcm(wide), 8000: _pcm(resample_poly(wide, 1, 2))})


def frames(pcm: bytes, rate: int, frame_ms: int) -> Iterator[bytes]:
    size = rate * frame_ms // 1000 * 2
    return (pcm[i : i + size] for i in range(0, len(pcm) - size + 1, size))


def through(
    encoder: Encoder,
    decoder: Decoder,
    pcm: bytes,
    frame_ms: int = 20,
    *,
    lost: Container[int] = NO_LOSS,
    recover: bool = True,
) -> bytes:
    """What comes out when the packets of the numbers in `lost` do not arrive."""
    heard: list[bytes] = []
    missing = 0
    samples = decoder.rate * frame_ms // 1000
    for number, frame in enumerate(frames(pcm, encoder.rate, frame_ms)):
        payload = encoder.encode(frame)
        if number in lost:
            missing += 1
            continue
        heard.extend(decoder.conceal(samples) for _ in range(missing - 1))
        if missing:
            heard.append(decoder.recover(payload) if recover else decoder.conceal(samples))
        missing = 0
        heard.append(decoder.decode(payload))
    return b"".join(heard)


def score(source: bytes, heard: bytes, rate: int) -> float:
    """PESQ, wide-band at 16 kHz, after the codec's delay was found and taken off."""
    reference, recording = _aligned(source, heard)
    return float(pesq(rate, reference, recording, "wb" if rate == 16000 else "nb"))


def likeness(source: bytes, heard: bytes) -> float:
    """The correlation, 1 for the same sound."""
    reference, recording = _aligned(source, heard)
    product = np.linalg.norm(reference) * np.linalg.norm(recording)
    return float(reference @ recording / product)


def decibels_over_error(source: bytes, heard: bytes) -> float:
    """How far the source stands over what was added to it and taken from it."""
    reference, recording = _aligned(source, heard)
    error = reference - recording
    return float(10 * np.log10(reference @ reference / (error @ error)))


def level(pcm: bytes) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(_samples(pcm)))))


def tone(rate: int, hertz: float, milliseconds: int, loudness: float = 8000) -> bytes:
    times = np.arange(rate * milliseconds // 1000) / rate
    return _pcm(loudness / 32768 * np.sin(2 * np.pi * hertz * times))


def _aligned(source: bytes, heard: bytes) -> tuple[Samples, Samples]:
    reference, recording = _samples(source), _samples(heard)
    products = correlate(recording[: len(reference)], reference, "full")
    delay = int(np.argmax(products[len(reference) - 1 :]))
    length = min(len(reference), len(recording) - delay)
    return reference[:length], recording[delay : delay + length]


def _samples(pcm: bytes) -> Samples:
    return np.array(array("h", pcm), dtype=np.float64)


def _pcm(samples: Samples) -> bytes:
    return array("h", np.clip(samples * 32768, -32768, 32767).astype(int).tolist()).tobytes()
