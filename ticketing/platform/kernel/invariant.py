"""Results of an invariant check: the offending rows and how many there are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

OFFENDERS_KEPT = 20


class Offender(NamedTuple):
    """Who or what breaks a rule, and how."""

    subject: str
    wrong: str


@dataclass
class Findings:
    """How many were looked at out of how many, how many break the rule, and the first of them."""

    total: int
    examined: int = 0
    broken: int = 0
    offenders: list[Offender] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.broken == 0

    def take(self, offender: Offender | None) -> None:
        """Count one that was looked at."""
        self.examined += 1
        if offender is not None:
            self.broken += 1
            if len(self.offenders) < OFFENDERS_KEPT:
                self.offenders.append(offender)

    @classmethod
    def of(cls, total: int, offenders: Iterable[Offender]) -> "Findings":
        """Everything was looked at, and these are all that break the rule."""
        found = list(offenders)
        return cls(total, total, len(found), found[:OFFENDERS_KEPT])
