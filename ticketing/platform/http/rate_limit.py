"""Rate limit per address: token buckets in the memory of this process.

`shared_counts.py` subtracts what the same address has spent at other processes.
"""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

MAX_BUCKETS = 10_000  # the least recently used one is dropped first: it has refilled by then
MAX_SHARED = 1000  # those that spend most; the others are far from the limit


@dataclass(slots=True)
class _Bucket:
    tokens: float  # below 0 if other processes have allowed too many
    updated_at: float


class RateLimiter:
    """Allows a burst of `per_minute` requests per key, refilled at that rate. Thread-safe."""

    def __init__(self, per_minute: int) -> None:
        self._capacity = float(per_minute)
        self.per_second = per_minute / 60
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._spent: Counter[str] = Counter()
        self._lock = threading.Lock()

    def wait_seconds(self, key: str) -> float:
        """Return 0 and count the request when it is allowed, else the seconds to wait."""
        at = time.monotonic()
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(self._capacity, at))
            self._buckets.move_to_end(key)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
            filled = bucket.tokens + (at - bucket.updated_at) * self.per_second
            bucket.tokens, bucket.updated_at = min(self._capacity, filled), at
            if bucket.tokens < 1:
                return (1 - bucket.tokens) / self.per_second
            bucket.tokens -= 1
            self._spent[key] += 1
            return 0.0

    def give_back(self, key: str) -> None:
        """Take back a counted request, which turned out to be one that is not limited."""
        with self._lock:
            if key in self._buckets:
                self._buckets[key].tokens += 1
            self._spent[key] -= 1

    def take_spent(self) -> dict[str, int]:
        """Return the requests counted since the last call, by key, at most `MAX_SHARED` keys."""
        with self._lock:
            spent = {key: count for key, count in self._spent.most_common(MAX_SHARED) if count > 0}
            self._spent.clear()
            return spent

    def set_levels(self, levels: Mapping[str, float]) -> None:
        """Set how many requests all processes together have counted and not yet refilled."""
        at = time.monotonic()
        with self._lock:
            for key, level in levels.items():
                if key in self._buckets:
                    tokens = self._capacity - level - self._spent[key]
                    self._buckets[key] = _Bucket(tokens, at)
