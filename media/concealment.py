"""Loss concealment for codecs that have none, after G.711's appendix I: the last pitch goes on."""

from array import array

from media.pcm import MAX_CONCEALED_SECONDS, WIDTH, audioop, samples_of, silence

# Voices from 66 to 200 Hz, found in the last 20 ms; in a lower lag two periods are one.
_SHORTEST_MS = 5
_LONGEST_MS = 15
_MATCHED_MS = 20
# Untouched at first, then ever softer: what lasts longer would hum like a machine.
_FULL_MS = 10
_GONE_MS = 60
_FADE_STEP_MS = 2.5
_JOIN_MS = 5
# The search looks at every fourth lag of 16 kHz, then around the best.
_COARSE_STEPS_PER_SECOND = 4000


class Concealment:
    """What a stream would have gone on like; asked where packets are missing."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._shortest = samples_of(_SHORTEST_MS, rate)
        self._longest = samples_of(_LONGEST_MS, rate)
        self._matched = samples_of(_MATCHED_MS, rate)
        self._join = samples_of(_JOIN_MS, rate)
        self._history = silence(self._matched + self._longest)
        self._cycle = b""
        self._made = 0

    def heard(self, pcm: bytes) -> bytes:
        """Sound that did arrive: as it is, or faded into when it comes after a gap."""
        if self._cycle:
            samples = min(self._join, len(pcm) // WIDTH)
            size = samples * WIDTH
            pcm = crossfade(self._go_on(samples), pcm[:size]) + pcm[size:]
            self._cycle = b""
            self._made = 0
        self._keep(pcm)
        return pcm

    def conceal(self, samples: int) -> bytes:
        """So many samples in place of lost ones; after 60 ms of a gap they are silence."""
        if not 0 <= samples <= MAX_CONCEALED_SECONDS * self._rate:
            raise ValueError(f"{samples} samples to conceal")
        if not self._cycle:
            self._cycle = self._last_cycle()
        pcm = self._go_on(samples)
        self._keep(pcm)
        return pcm

    def _keep(self, pcm: bytes) -> None:
        self._history = (self._history + pcm)[-len(self._history) :]

    def _go_on(self, samples: int) -> bytes:
        """The cycle from where it stands, as loud as this long after the loss."""
        step = samples_of(_FADE_STEP_MS, self._rate)
        rounds = samples * WIDTH // len(self._cycle) + 2
        start = self._made * WIDTH % len(self._cycle)
        wave = (self._cycle * rounds)[start : start + samples * WIDTH]
        parts = []
        for first in range(0, samples, step):
            gain = self._gain(self._made + first)
            if gain <= 0:
                parts.append(silence(samples - first))
                break
            part = wave[first * WIDTH : min(first + step, samples) * WIDTH]
            parts.append(audioop.mul(part, WIDTH, gain))
        self._made += samples
        return b"".join(parts)

    def _gain(self, made: int) -> float:
        full, gone = samples_of(_FULL_MS, self._rate), samples_of(_GONE_MS, self._rate)
        return min((gone - made) / (gone - full), 1.0)

    def _last_cycle(self) -> bytes:
        """The last pitch period, its end faded into what came before its start.

        So it can be repeated without a step from its end to its start.
        """
        period = self._period()
        overlap = period // 4 * WIDTH
        cycle = self._history[-period * WIDTH :]
        before = self._history[: -period * WIDTH][-overlap:]
        return cycle[:-overlap] + crossfade(cycle[-overlap:], before)

    def _period(self) -> int:
        """The lag, in samples, at which the end of the history is most like what came before."""
        coarse = self._rate // _COARSE_STEPS_PER_SECOND
        best = max(range(self._shortest, self._longest + 1, coarse), key=self._likeness)
        lowest, highest = max(best - coarse, self._shortest), min(best + coarse, self._longest)
        return max(range(lowest, highest + 1), key=self._likeness)

    def _likeness(self, lag: int) -> float:
        """The normalised correlation, squared, its sign kept; 0 where one of both is silent."""
        recent = self._history[-self._matched * WIDTH :]
        earlier = self._history[-(self._matched + lag) * WIDTH : -lag * WIDTH]
        if not (any(recent) and any(earlier)):
            return 0.0
        factor = audioop.findfactor(recent, earlier)
        return factor * abs(audioop.findfactor(earlier, recent))


def crossfade(old: bytes, new: bytes) -> bytes:
    """From `old` to `new`, which are equally long, in a straight line."""
    count = len(old) // WIDTH
    pairs = zip(array("h", old), array("h", new), strict=True)
    mixed = ((a * (count - i) + b * i) // count for i, (a, b) in enumerate(pairs))
    return array("h", mixed).tobytes()
