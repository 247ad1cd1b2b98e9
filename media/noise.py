"""Comfort noise (RFC 3389): how loud a silence is, and a hiss of that loudness."""

import math
from array import array

from media.pcm import WIDTH, audioop

_FULL = 32767
_SECOND = 8000


def _hiss() -> bytes:
    """A second of white noise at full scale, always the same."""
    state, samples = 1, array("h")
    for _ in range(_SECOND):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        samples.append((state >> 15) - _FULL - 1)
    return samples.tobytes()


_HISS = _hiss()
_HISS_LOUDNESS = audioop.rms(_HISS, WIDTH)


def level_of(pcm: bytes) -> int:
    """How far below full scale sound is, in dB from 0 to 127 (section 3.1)."""
    loudness = audioop.rms(pcm, WIDTH)
    return min(127, round(-20 * math.log10(loudness / _FULL))) if loudness else 127


def make(level: int, samples: int, position: int) -> bytes:
    """So many samples, at most 4000, of a hiss of that level; `position` counts those before."""
    begin = position * WIDTH % (len(_HISS) // 2)
    loudness = _FULL / 10 ** (level / 20)
    return audioop.mul(_HISS[begin : begin + samples * WIDTH], WIDTH, loudness / _HISS_LOUDNESS)
