"""Results of checks: what was found, and what to do about a problem."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from ticketing.platform.kernel.errors import TicketingError, Unavailable

T = TypeVar("T")


class DoctorStatus(StrEnum):
    """Result of a check: ok, a warning, or a failure."""

    OK = "ok"
    WARNING = "warn"
    FAILED = "bad"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """Result of a check; `hint` says what to do, and is empty if there is no problem."""

    subject: str
    status: DoctorStatus
    detail: str
    hint: str = ""


def ok(subject: str, detail: str) -> DoctorFinding:
    """Return the finding that nothing is wrong."""
    return DoctorFinding(subject, DoctorStatus.OK, detail)


def warning(subject: str, detail: str, hint: str) -> DoctorFinding:
    """Return a finding that somebody should look at."""
    return DoctorFinding(subject, DoctorStatus.WARNING, detail, hint)


def failed(subject: str, detail: str, hint: str) -> DoctorFinding:
    """Return the finding that something does not work."""
    return DoctorFinding(subject, DoctorStatus.FAILED, detail, hint)


def run_check(check: Callable[[T], Iterator[DoctorFinding]], given: T) -> Iterator[DoctorFinding]:
    """Run one check; its errors become a finding, so that the others still run."""
    try:
        yield from check(given)
    except (TicketingError, OSError) as error:
        is_database = isinstance(error, Unavailable) and "PostgreSQL" in str(error)
        hint = "start PostgreSQL, or correct DATABASE_URL" if is_database else "see the message"
        subject = check.__name__.strip("_").removeprefix("check_").replace("_", " ")
        yield failed(subject, str(error), hint)
