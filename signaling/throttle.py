"""Token buckets by key, bounded in number: how often somebody may fail, or do something."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """Each key may fail `burst` times at once, and once more every `refill_seconds`."""

    def __init__(self, *, burst: int, refill_seconds: float, max_keys: int = 10_000) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._max_keys = max_keys
        # The key that failed longest ago comes first: the first to have recovered.
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """The seconds until the key may try again; 0 when it may now."""
        missing = 1 - self._tokens(key, now)
        return max(0.0, missing * self._refill_seconds)

    def count(self, now: float) -> int:
        """Keys that have to wait now."""
        return sum(self._tokens(key, now) < 1 for key in self._buckets)

    def fail(self, key: str, now: float) -> None:
        """Count a failure; tries that ran at the same time may leave a debt."""
        self._buckets[key] = _Bucket(self._tokens(key, now) - 1, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)

    def take(self, key: str, now: float) -> bool:
        """Whether the key may do it once more now; if so, it counts like a failure."""
        may = self.wait(key, now) == 0
        if may:
            self.fail(key, now)
        return may

    def _tokens(self, key: str, now: float) -> float:
        bucket = self._buckets.get(key)
        if bucket is None:
            return self._burst
        gained = (now - bucket.at) / self._refill_seconds
        return min(self._burst, bucket.tokens + gained)
