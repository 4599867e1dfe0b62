"""One item of a preflight list."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_EXAMPLES = 3


class Severity(StrEnum):
    """What an item means for the event."""

    OK = "ok"
    WARNING = "warning"
    BLOCKING = "blocking"
    NOT_RECORDED = "not recorded"  # nothing is known; check it yourself


@dataclass(frozen=True, slots=True)
class Found:
    """The number of matches, and the first of them."""

    count: int
    examples: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PreflightItem:
    """One item. `command` repairs or lists what was found, or says what to do; empty if ok."""

    subject: str
    severity: Severity
    count: int
    examples: Sequence[str]
    command: str


def make_item(subject: str, severity: Severity, found: Found, command: str) -> PreflightItem:
    """Return an item with this severity, or an item that is ok if nothing was found."""
    if not found.count:
        return PreflightItem(subject, Severity.OK, 0, (), "")
    return PreflightItem(
        subject, severity, found.count, tuple(found.examples[:MAX_EXAMPLES]), command
    )
