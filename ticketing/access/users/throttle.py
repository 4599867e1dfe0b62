"""How long somebody waits after failed attempts to sign in. The wait ends by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)
MEMORY = timedelta(hours=24)  # failures before that are forgotten


class ThrottleKind(StrEnum):
    """What failed attempts are counted by."""

    ACCOUNT = "account"
    NETWORK = "network"


# a network may be a school with many people behind one address
FREE_FAILURES = {ThrottleKind.ACCOUNT: 5, ThrottleKind.NETWORK: 30}


@dataclass(frozen=True, slots=True)
class ThrottleSubject:
    """An account or a network whose failures are counted."""

    kind: ThrottleKind
    text: str

    @property
    def key(self) -> str:
        """Return the key that is stored; a hash of a login, which may be a mistyped password."""
        if self.kind is ThrottleKind.NETWORK:
            return f"{self.kind}:{self.text}"
        return f"{self.kind}:{sha256(self.text.encode()).hexdigest()}"


def locked_until(kind: ThrottleKind, failures: int, *, at: datetime) -> datetime | None:
    """Return when the next attempt is allowed after this many failures; None is at once."""
    excess = failures - FREE_FAILURES[kind]
    if excess < 0:
        return None
    doublings = min(excess, (LONGEST_WAIT // FIRST_WAIT).bit_length())
    return at + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
