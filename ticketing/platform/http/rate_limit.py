"""Rate limit per address: token buckets in the memory of this process."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

MAX_BUCKETS = 10_000  # the least recently used one is dropped first: it has refilled by then


@dataclass(slots=True)
class _Bucket:
    tokens: float
    updated_at: float


class RateLimiter:
    """Allows a burst of `per_minute` requests per address, refilled at that rate."""

    def __init__(self, per_minute: int) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, key: str) -> float:
        """Return 0 and count the request when it is allowed, else the seconds to wait."""
        at = time.monotonic()
        with self._lock:
            bucket = self._buckets.setdefault(key, _Bucket(self._capacity, at))
            self._buckets.move_to_end(key)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
            filled = bucket.tokens + (at - bucket.updated_at) * self._per_second
            bucket.tokens, bucket.updated_at = min(self._capacity, filled), at
            if bucket.tokens < 1:
                return (1 - bucket.tokens) / self._per_second
            bucket.tokens -= 1
            return 0.0
