"""What the server recorded, and whether both voices are in it."""

import io
import re
from pathlib import Path

import numpy as np
import soundfile

from tests.end_to_end.audio import RATE, Samples, Verdict, compare
from tests.end_to_end.sounds import SECONDS, Sounds

# A voice, and before it what jitter buffers take to settle.
STRETCH_SECONDS = SECONDS + 1.3
# Both voices went through opus twice, and one through a busy browser.
LEAST_PESQ = 2.9
# As pages and telephones that are listened to: a fault of the recorder is there every time.
ATTEMPTS = 3
TONE_HZ = 1400
# With the tone in it; of speech alone it is below 0.8.
LEAST_PURITY = 0.9
WINDOW = RATE // 10


def purity(sound: Samples) -> float:
    """How much of the purest tenth of a second is the tone that tells of a recording."""
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW)
    spectra = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    at = TONE_HZ * WINDOW // RATE
    loud = spectra.sum(axis=1) > 1e-3
    parts = spectra[loud, at - 2 : at + 3].sum(axis=1) / spectra[loud].sum(axis=1)
    return float(parts.max(initial=0.0))


def chained(ogg: bytes) -> list[bytes]:
    """The recordings of a call, one after the other in a file (RFC 3533, section 4)."""
    begins = [match.start() - 28 for match in re.finditer(b"OpusHead", ogg)]
    return [ogg[begin:end] for begin, end in zip(begins, [*begins[1:], len(ogg)], strict=True)]


def judge(ogg: bytes, sounds: Sounds, folder: Path) -> list[Verdict]:
    """Each side of one recording: its first stretch, and its last one."""
    sound, rate = soundfile.read(io.BytesIO(ogg))
    size = int(STRETCH_SECONDS * rate)
    verdicts = []
    for side, voice in enumerate((sounds.a, sounds.b)):
        for name, cut in (("begin", sound[:size, side]), ("end", sound[-size:, side])):
            path = folder / f"{side} {name}.wav"
            soundfile.write(path, cut, rate)
            verdicts.append(compare(path, voice.once))
    return verdicts
