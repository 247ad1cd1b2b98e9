"""What is said in the calls, in each codec, and whether it is heard: correlation and its delay."""

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from media.codec import OPUS, make_decoder, make_encoder
from media.packet import payload_offset
from media.pcm import WIDTH
from tests.end_to_end.sounds import RATE, make_sounds

FRAME_SECONDS = 0.02
FRAME_MS = 20
HEARD_RATE = 8000
CHIRP = int(1.05 * RATE)
"""What tests/end_to_end/sounds.py begins a voice with; codecs for speech do it little justice."""
FRAME = HEARD_RATE * FRAME_MS // 1000

_SEQUENCE = struct.Struct("!2xH")

Sound = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Codec:
    """As SDP names it; `frame_units` are timestamps a frame."""

    name: str
    number: int
    frame_units: int
    parameters: str = ""


PCMU = Codec("PCMU/8000", 0, FRAME)
OPUS_CODEC = Codec(OPUS, 111, 960, "useinbandfec=1;stereo=0;sprop-stereo=0")


@dataclass(frozen=True, slots=True)
class Voice:
    """Sentences that begin anew at their end: `frames` in a codec, and what they sound like."""

    codec: Codec
    frames: tuple[bytes, ...]
    sound: Sound


@dataclass(frozen=True, slots=True)
class Hearing:
    """How much a stream is like what was said, and which sample of it stands first in it."""

    likeness: float
    begins: int
    first: int
    """The sequence number of its first packet."""


async def make_voices(folder: Path) -> dict[Codec, Voice]:
    """The same sentences in each codec."""
    sounds = await make_sounds(folder)
    pcm = soundfile.read(sounds.a.once, start=CHIRP, dtype="int16")[0].tobytes()
    return await asyncio.to_thread(
        lambda: {codec: _make_voice(codec, pcm) for codec in (PCMU, OPUS_CODEC)}
    )


def hear(voice: Voice, codec: Codec, packets: Sequence[bytes]) -> Hearing:
    """Find in what came, in `codec`, the voice that was sent; packets may be lost or mixed up."""
    frames = {}
    first = _SEQUENCE.unpack_from(packets[0])[0]
    for packet in packets:
        number = (_SEQUENCE.unpack_from(packet)[0] - first) & 0xFFFF
        if number < len(voice.frames):
            frames[number] = packet[payload_offset(packet, len(packet)) :]
    heard = _decoded(codec, [frames.get(number, b"") for number in range(max(frames) + 1)])
    size = len(voice.sound)
    heard = np.concatenate([heard, np.zeros(size - len(heard))])
    spectrum = np.fft.rfft(voice.sound) * np.conj(np.fft.rfft(heard))
    products = np.fft.irfft(spectrum, size)
    begins = int(np.argmax(products))
    window = np.roll(voice.sound, -begins)[: len(frames) * FRAME]
    power = np.linalg.norm(heard) * np.linalg.norm(window)
    return Hearing(float(products[begins] / max(power, 1.0)), begins, first)


def _make_voice(codec: Codec, pcm: bytes) -> Voice:
    """The voice, and how it sounds to whoever decodes the frames themselves."""
    encode = make_encoder(codec.name, RATE, FRAME_MS).encode
    size = RATE * FRAME_MS // 1000 * WIDTH
    frames = [encode(pcm[start : start + size]) for start in range(0, len(pcm) - size + 1, size)]
    return Voice(codec, tuple(frames), _decoded(codec, frames))


def _decoded(codec: Codec, frames: Sequence[bytes]) -> Sound:
    """At 8 kHz; a lost frame is silence, and what is longer is cut: the floor's have a trailer."""
    size = FRAME * WIDTH
    decode = make_decoder(codec.name, HEARD_RATE).decode
    pcm = b"".join(decode(frame)[:size] if frame else bytes(size) for frame in frames)
    return np.frombuffer(pcm, dtype=np.int16).astype(np.float64)
