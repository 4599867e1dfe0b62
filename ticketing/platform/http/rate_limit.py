"""How often one address may ask without a key: a bucket each, in this process's memory."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

MAX_BUCKETS = 10_000  # the one that was longest silent is forgotten first, its bucket is full


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimiter:
    """Lets through `a_minute` requests of an address in a burst, then as they come in again."""

    def __init__(self, a_minute: int) -> None:
        """Nobody has asked yet."""
        self._capacity = float(a_minute)
        self._a_second = a_minute / 60
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def wait_seconds(self, address: str) -> float:
        """Zero when the address may ask now; else how long until it may."""
        at = time.monotonic()
        with self._lock:
            bucket = self._buckets.setdefault(address, _Bucket(self._capacity, at))
            self._buckets.move_to_end(address)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
            filled = bucket.left + (at - bucket.at) * self._a_second
            bucket.left, bucket.at = min(self._capacity, filled), at
            if bucket.left < 1:
                return (1 - bucket.left) / self._a_second
            bucket.left -= 1
            return 0.0
