"""Ration wrong API keys and session tokens of a network before the database is asked.

A credential that was right is never rationed, so a program behind the address of an attacker goes
on; one that was wrong is refused again without a query.
"""

import re
import time
from collections import OrderedDict
from hashlib import sha256
from threading import Lock

from ticketing.platform.http.errors import TooManyRequests
from ticketing.platform.http.rate_limit import RateLimiter

WRONG_A_MINUTE = 30  # per network; a school has one address for many programs
MEMORY_SECONDS = 60.0  # of a wrong credential, which no time makes right
MAX_REMEMBERED = 2000
_RANDOM_PART = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64


class CredentialRation:
    """What this process knows of the credentials that it was shown. Thread-safe."""

    def __init__(self) -> None:
        self.limiter = RateLimiter(WRONG_A_MINUTE)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._wrong: OrderedDict[bytes, float] = OrderedDict()  # until when
        self._lock = Lock()

    def reserve(self, network: str, credential: str, *, prefix: str = "") -> bool:
        """Return whether the database has to be asked about a credential; False: it is wrong.

        It counts as wrong until `note_right` says otherwise, so that no number of parallel requests
        passes the limit. Raises TooManyRequests.
        """
        if not self._is_possible(credential, prefix):
            return False
        if self._is_known_right(credential):
            return True
        wait = self.limiter.wait_seconds(network)
        if wait > 0:
            seconds = int(wait) + 1
            raise TooManyRequests(
                f"too many wrong keys or sessions from your network; wait {seconds} s",
                retryAfter=seconds,
            )
        return True

    def note_right(self, network: str, credential: str) -> None:
        """Remember that a credential is right, and take back its count."""
        digest = _digest(credential)
        with self._lock:
            is_new = digest not in self._right
            self._right[digest] = None
            self._right.move_to_end(digest)
            if len(self._right) > MAX_REMEMBERED:
                self._right.popitem(last=False)
        if is_new:
            self.limiter.give_back(network)

    def note_wrong(self, credential: str) -> None:
        """Remember that a credential is wrong; it may have been right before."""
        digest = _digest(credential)
        with self._lock:
            self._right.pop(digest, None)
            self._wrong[digest] = time.monotonic() + MEMORY_SECONDS
            if len(self._wrong) > MAX_REMEMBERED:
                self._wrong.popitem(last=False)

    def _is_possible(self, credential: str, prefix: str) -> bool:
        if not credential.startswith(prefix):
            return False
        if not _RANDOM_PART.fullmatch(credential.removeprefix(prefix)):
            return False
        with self._lock:
            until = self._wrong.get(_digest(credential), float("-inf"))
        return until < time.monotonic()

    def _is_known_right(self, credential: str) -> bool:
        with self._lock:
            return _digest(credential) in self._right


def _digest(credential: str) -> bytes:
    return sha256(credential.encode()).digest()
