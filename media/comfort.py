"""Comfort noise (RFC 3389): the background of a pause told in a few bytes, and made from them."""

from hashlib import shake_128
from math import log10, sqrt

from media.pcm import MAX_CONCEALED_SECONDS, WIDTH, Octets, audioop, silence
from signaling.shared.errors import CodecError

PAYLOAD_TYPE = 13
"""The static number of CN/8000; CN/16000 takes one that is agreed on (RFC 3389, section 4)."""

_QUIETEST = 127
_MIDDLE = 127
_FULL = 32768
# More of a spectrum than this is not used (RFC 3389, section 3.2, lets both ends choose).
_MAX_ORDER = 10
_OUR_ORDER = 4
# Of the synthesis filter's answer to one impulse; coloured noise needs no more to sound like it.
_TAPS = 24


class ComfortNoise:
    """Noise as a peer described it last; silence before that."""

    def __init__(self, rate: int) -> None:
        self._limit = MAX_CONCEALED_SECONDS * rate
        self._white = shake_128(b"comfort noise").digest((self._limit + _TAPS) * WIDTH)
        self._white_level = audioop.rms(self._white, WIDTH)
        self._place = 0
        self._taps: tuple[float, ...] = ()

    def describe(self, payload: Octets) -> None:
        """Take a comfort noise packet to heart; CodecError for an empty one."""
        if not payload:
            raise CodecError("0 bytes of comfort noise")
        loudness = _FULL * 10 ** (-(payload[0] & 0x7F) / 20)
        answer = _impulse_response([_reflection(byte) for byte in payload[1 : 1 + _MAX_ORDER]])
        gain = loudness / self._white_level / sqrt(sum(tap * tap for tap in answer))
        self._taps = tuple(tap * gain for tap in answer)

    def make(self, samples: int) -> bytes:
        """The next so many samples, at most a second."""
        if not 0 <= samples <= self._limit:
            raise ValueError(f"{samples} samples of noise")
        if self._place + samples > self._limit:
            self._place = 0
        noise = silence(samples)
        for tap, weight in enumerate(self._taps):
            start = (self._place + _TAPS - tap) * WIDTH
            part = audioop.mul(self._white[start : start + samples * WIDTH], WIDTH, weight)
            noise = audioop.add(noise, part, WIDTH)
        self._place += samples
        return noise


def measure(pcm: bytes) -> bytes:
    """The payload that describes a pause: its level and the shape of its spectrum."""
    level = audioop.rms(pcm, WIDTH)
    if not level:
        return bytes([_QUIETEST])
    loudness = min(round(-20 * log10(level / _FULL)), _QUIETEST)
    return bytes([loudness, *map(_code, _reflections(pcm))])


def _reflection(byte: int) -> float:
    """RFC 3389, section 3.2; 255 is reserved and taken for the value next to it."""
    return 258 * (min(byte, 2 * _MIDDLE) - _MIDDLE) / 32768


def _code(reflection: float) -> int:
    return round(_MIDDLE + reflection * 32768 / 258)


def _impulse_response(reflections: list[float]) -> list[float]:
    """What comes out of the all-pole filter of these coefficients for a single impulse."""
    predictor: list[float] = []
    for reflection in reflections:
        mirrored = [reflection * value for value in reversed(predictor)]
        predictor = [a + b for a, b in zip(predictor, mirrored, strict=True)] + [reflection]
    if not any(predictor):
        return [1.0]
    answer = [1.0]
    while len(answer) < _TAPS:
        pairs = zip(predictor, reversed(answer), strict=False)
        answer.append(-sum(a * b for a, b in pairs))
    return answer


def _reflections(pcm: bytes) -> list[float]:
    """By Levinson's and Durbin's recursion from the autocorrelation."""
    shape = [_autocorrelation(pcm, lag) for lag in range(_OUR_ORDER + 1)]
    predictor = [1.0]
    error = 1.0
    found = []
    for order in range(1, _OUR_ORDER + 1):
        pairs = zip(predictor, reversed(shape[1 : order + 1]), strict=True)
        reflection = max(-0.99, min(-sum(a * b for a, b in pairs) / error, 0.99))
        padded = [*predictor, 0.0]
        predictor = [a + reflection * b for a, b in zip(padded, reversed(padded), strict=True)]
        error *= 1 - reflection * reflection
        found.append(reflection)
    return found


def _autocorrelation(pcm: bytes, lag: int) -> float:
    """Of the whole, as a part of its energy: silence around it keeps the recursion stable."""
    gap = silence(lag)
    return audioop.findfactor(pcm + gap, gap + pcm)
