"""How often one address may ask without a key: a bucket each, in this process's memory."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

MAX_BUCKETS = 10_000  # the one that was longest silent is forgotten first, its bucket is full


@dataclass(slots=True)
class _Bucket:
    tokens: float
    updated_at: float


class RateLimiter:
    """Lets through `a_minute` requests of an address in a burst, then as they come in again."""

    def __init__(self, per_minute: int) -> None:
        """Nobody has asked yet."""
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, key: str) -> float:
        """Zero when the address may ask now; else how long until it may."""
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
