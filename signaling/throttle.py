"""Token buckets by key, bounded in number: how often somebody may fail."""

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """Each key may take `burst` tokens at once and one more every `refill_seconds`."""

    def __init__(self, *, burst: int, refill_seconds: float, max_keys: int = 10_000) -> None:
        self._burst = burst
        self._refill_seconds = refill_seconds
        self._max_keys = max_keys
        # The key that took a token longest ago comes first: the first to have recovered.
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take a token: 0, or when there is none the seconds until there will be."""
        bucket = self._buckets.get(key) or _Bucket(self._burst, now)
        gained = (now - bucket.at) / self._refill_seconds
        bucket.tokens = min(self._burst, bucket.tokens + gained)
        bucket.at = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) * self._refill_seconds
        bucket.tokens -= 1
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return 0.0

    def give_back(self, key: str) -> None:
        """Undo one `take`: the attempt did not fail."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return
        bucket.tokens += 1
        if bucket.tokens >= self._burst:
            del self._buckets[key]
