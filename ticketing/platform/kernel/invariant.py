"""Results of an invariant check: the offending rows and how many there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_VIOLATIONS_KEPT = 20


class Violation(NamedTuple):
    """Who or what breaks a rule, and how."""

    subject: str
    problem: str


@dataclass
class InvariantResult:
    """How many were looked at out of how many, how many break the rule, and the first of them."""

    total: int
    examined: int = 0
    violation_count: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.violation_count == 0

    def add(self, violation: Violation | None) -> None:
        """Count one that was looked at."""
        self.examined += 1
        if violation is not None:
            self.violation_count += 1
            if len(self.violations) < MAX_VIOLATIONS_KEPT:
                self.violations.append(violation)

    @classmethod
    def from_violations(cls, total: int, violations: Iterable[Violation]) -> "InvariantResult":
        """Everything was looked at, and these are all that break the rule."""
        found = list(violations)
        return cls(total, total, len(found), found[:MAX_VIOLATIONS_KEPT])
