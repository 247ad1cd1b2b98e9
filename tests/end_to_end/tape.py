"""What a telephone records all along, and excerpts of it while its call goes on."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import soundfile

# Where a WAV file of PCM has its form and its samples, and how many bytes each sample takes.
FORM_AT, HEADER_SIZE, WIDTH = 22, 44, 2
RATES = (8000, 16000, 48000)


@asynccontextmanager
async def excerpt(tape: Path, path: Path) -> AsyncIterator[None]:
    """Copy what a telephone adds to its tape while the block runs to a WAV file."""
    begins, began_at = await asyncio.to_thread(_size, tape), time.monotonic()
    yield
    seconds = time.monotonic() - began_at
    await asyncio.to_thread(_cut, tape, begins, seconds, path)


def _size(tape: Path) -> int:
    return tape.stat().st_size


def _cut(tape: Path, begins: int, seconds: float, path: Path) -> None:
    recorded = tape.read_bytes()
    channels, rate = struct.unpack_from("<HI", recorded, FORM_AT)
    if not rate:
        # Linphone tells the form when it closes its tape; the tape's growth tells it before.
        grown = (len(recorded) - begins) / WIDTH / seconds
        channels, rate = 1, min(RATES, key=lambda each: abs(each - grown))
    frame = channels * WIDTH
    first = max(0, begins - HEADER_SIZE) // frame
    count = (len(recorded) - HEADER_SIZE) // frame - first
    samples = np.frombuffer(recorded, "<i2", count * channels, HEADER_SIZE + first * frame)
    soundfile.write(path, samples.reshape(-1, channels), rate)
