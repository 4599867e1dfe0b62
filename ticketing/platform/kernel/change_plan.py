"""Changes that are computed, shown, and then applied by their hash.

The hash is a stable digest of exactly what the change would do. Applying a plan computes it again,
and refuses when the hash is another one.
"""

import hashlib
import json
from typing import Protocol

from ticketing.platform.kernel.errors import PlanOutdated


def digest(facts: object) -> str:
    """Return the SHA-256 of the data as canonical JSON, in hexadecimal digits."""
    return hashlib.sha256(_encode(facts)).hexdigest()


class RowDigest:
    """Digest of many rows, added one after the other."""

    def __init__(self, *heading: object) -> None:
        self._sha256 = hashlib.sha256()
        self.add(*heading)

    def add(self, *row: object) -> None:
        """Add the values of a row."""
        self._sha256.update(_encode(row) + b"\n")

    def hexdigest(self) -> str:
        """Return the digest of the rows so far."""
        return self._sha256.hexdigest()


def _encode(facts: object) -> bytes:
    return json.dumps(facts, sort_keys=True, default=str).encode()


class ChangePlan(Protocol):
    """The effect that a change would have on the present data."""

    @property
    def plan_hash(self) -> str:
        """Return the digest of the change."""
        ...


def require_unchanged(plan: ChangePlan, plan_hash: str, *, subject: str, effect: str) -> None:
    """Raise PlanOutdated if a plan computed now is not the one with that hash.

    `effect` is what it would do now: "3 tickets would be revoked".
    """
    if plan.plan_hash != plan_hash:
        raise plan_outdated(subject, effect)


def plan_outdated(subject: str, effect: str) -> PlanOutdated:
    """Return the error for a plan whose subject has changed."""
    return PlanOutdated(f"{subject} changed since the plan: now {effect}; plan again")
