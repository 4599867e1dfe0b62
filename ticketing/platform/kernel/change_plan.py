"""Changes that are computed, shown, and then applied by their hash.

The hash is a digest of exactly what the change would do. Applying a plan computes it again, and
refuses when the hash is another one.
"""

from typing import Protocol

from ticketing.platform.kernel.errors import PlanOutdated


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
