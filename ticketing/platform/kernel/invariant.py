"""Result of an invariant check: how many violations there are, and the first of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

MAX_VIOLATIONS_KEPT = 20


class Violation(NamedTuple):
    """One violation: the subject and what is wrong with it."""

    subject: str
    problem: str


@dataclass
class InvariantResult:
    """The counts of a check, and the first `MAX_VIOLATIONS_KEPT` violations."""

    total: int
    examined: int = 0
    violation_count: int = 0
    violations: list[Violation] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Return whether there is no violation."""
        return self.violation_count == 0

    def add(self, violation: Violation | None) -> None:
        """Count one examined item, with its violation if there is one."""
        self.examined += 1
        if violation is not None:
            self.violation_count += 1
            if len(self.violations) < MAX_VIOLATIONS_KEPT:
                self.violations.append(violation)

    @classmethod
    def from_violations(cls, total: int, violations: Iterable[Violation]) -> "InvariantResult":
        """Return the result of a complete check with all its violations."""
        found = list(violations)
        return cls(total, total, len(found), found[:MAX_VIOLATIONS_KEPT])
