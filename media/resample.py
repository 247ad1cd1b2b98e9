"""From 8 to 16 kHz and back, by a half-band filter in audioop's integers of 32 bits."""

from array import array
from math import cos, pi, sin

from media.pcm import WIDTH, audioop

_WIDE = 4
# Samples of 8 kHz to either side of the one that is made: it is late by half of them all, 1 ms.
_REACH = 8


def _weights() -> tuple[float, ...]:
    """Of the neighbours by distance: a sinc under a Hann window; both sides add up to one."""
    places = [step + 0.5 for step in range(_REACH)]
    raw = [sin(pi * x) / (pi * x) * (1 + cos(pi * x / _REACH)) for x in places]
    return tuple(weight / (2 * sum(raw)) for weight in raw)


_WEIGHTS = _weights()


class _Between:
    """The stream of samples that lie half-way between those of another stream."""

    def __init__(self, gain: float) -> None:
        self._weights = tuple(weight * gain for weight in _WEIGHTS)
        self._kept = bytes((2 * _REACH - 1) * _WIDE)

    def next(self, pcm: bytes) -> bytes:
        """As many as came in; the first lies `_REACH` samples before the first that came in."""
        size = len(pcm) // WIDTH * _WIDE
        line = self._kept + audioop.lin2lin(pcm, WIDTH, _WIDE)
        self._kept = line[-len(self._kept) :]
        total = bytes(size)
        for step, weight in enumerate(self._weights):
            for place in (_REACH - 1 - step, _REACH + step):
                start = place * _WIDE
                part = audioop.mul(line[start : start + size], _WIDE, weight)
                total = audioop.add(total, part, _WIDE)
        return audioop.lin2lin(total, _WIDE, WIDTH)


class _Late:
    """The stream itself, as late as `_Between` makes its samples."""

    def __init__(self, samples: int) -> None:
        self._kept = bytes(samples * WIDTH)

    def next(self, pcm: bytes) -> bytes:
        line = self._kept + pcm
        self._kept = line[len(pcm) :]
        return line[: len(pcm)]


class Doubler:
    """A stream of 8 kHz as one of 16 kHz."""

    def __init__(self) -> None:
        self._between = _Between(1.0)
        self._late = _Late(_REACH)

    def next(self, pcm: bytes) -> bytes:
        """Twice as many samples, 1 ms late."""
        out = array("h", bytes(2 * len(pcm)))
        out[0::2] = array("h", self._late.next(pcm))
        out[1::2] = array("h", self._between.next(pcm))
        return out.tobytes()


class Halver:
    """A stream of 16 kHz, in blocks of an even number of samples, as one of 8 kHz."""

    def __init__(self) -> None:
        self._between = _Between(0.5)
        self._late = _Late(_REACH - 1)

    def next(self, pcm: bytes) -> bytes:
        """Half as many samples, 1 ms late; what 8 kHz cannot hold is filtered out."""
        samples = array("h", pcm)
        between = self._between.next(samples[1::2].tobytes())
        own = audioop.mul(self._late.next(samples[0::2].tobytes()), WIDTH, 0.5)
        return audioop.add(own, between, WIDTH)
