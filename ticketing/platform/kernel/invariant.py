"""Results of an invariant check: the offending rows and how many there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_VIOLATIONS_KEPT = 20


class Violation(NamedTuple):
    """Who or what breaks a rule, and how."""

    subject: str
    wrong: str


@dataclass
class InvariantResult:
    """How many were looked at out of how many, how many break the rule, and the first of them."""

    total: int
    examined: int = 0
    broken: int = 0
    offenders: list[Violation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.broken == 0

    def take(self, offender: Violation | None) -> None:
        """Count one that was looked at."""
        self.examined += 1
        if offender is not None:
            self.broken += 1
            if len(self.offenders) < MAX_VIOLATIONS_KEPT:
                self.offenders.append(offender)

    @classmethod
    def of(cls, total: int, offenders: Iterable[Violation]) -> "InvariantResult":
        """Everything was looked at, and these are all that break the rule."""
        found = list(offenders)
        return cls(total, total, len(found), found[:MAX_VIOLATIONS_KEPT])
