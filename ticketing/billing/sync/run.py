"""A run of a synchronisation: its states, its counters, and the errors of starting and stopping."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.platform.kernel.errors import Conflict, NotFound

RESUME_WITHIN = timedelta(hours=24)  # of its start; later everything is asked for again


class RunStatus(StrEnum):
    """State of a run; the first two are those of a run that is not finished."""

    RUNNING = "running"
    CANCELLING = "cancelling"  # requests in progress end
    CANCELLED = "cancelled"
    COMPLETED = "completed"  # every student was asked for; some may have failed
    FAILED = "failed"  # the source as a whole could not be used


class RunKind(StrEnum):
    """Which students a run asks for."""

    FULL = "full"  # all on the source's list
    RETRY = "retry"  # those that failed in the run before


class HeldState(StrEnum):
    """What happened to vanished students or bills that were held back."""

    NONE = "none"
    HELD = "held"  # a person has to accept or discard them
    ACCEPTED = "accepted"
    DISCARDED = "discarded"


class LogLevel(StrEnum):
    """Importance of a line of a run's log."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SyncRun:
    """A run as stored; counters are numbers of students, at most `total`."""

    id: int
    source: str
    kind: str
    status: str
    started_by: str
    started_at: datetime
    listed_at: datetime | None
    finished_at: datetime | None
    total: int
    succeeded: int
    failed: int
    unchanged: int
    left_count: int
    held_leavers: str
    held_records: str
    held_leaver_count: int
    held_record_count: int
    stop_class: str
    stop_message: str
    samples: list[tuple[float, int]]

    @property
    def processed(self) -> int:
        """Return the number of students with a result."""
        return self.succeeded + self.failed

    @property
    def is_finished(self) -> bool:
        """Return whether nobody works on the run any more."""
        return self.finished_at is not None

    def can_resume(self, *, at: datetime) -> bool:
        """Return whether a start goes on with what this run has left."""
        return (
            self.status in (RunStatus.CANCELLED, RunStatus.FAILED)
            and (self.listed_at is None or self.processed < self.total)
            and at - self.started_at < RESUME_WITHIN
        )


class SyncRunning(Conflict):
    """A synchronisation of this source is running; the details are its progress."""

    def __init__(self, run: SyncRun) -> None:
        super().__init__(
            f"a sync of {run.source} is running since {run.started_at:%Y-%m-%d %H:%M} UTC,"
            f" started by {run.started_by}; follow it, or cancel it first",
            run_id=run.id,
            status=run.status,
            total=run.total,
            processed=run.processed,
            succeeded=run.succeeded,
            failed=run.failed,
            started_at=run.started_at.isoformat(),
        )


class SyncNotRunning(Conflict):
    """There is no running synchronisation to cancel."""


class NothingHeld(Conflict):
    """Nothing vanished that waits for a decision."""


class NothingFailed(Conflict):
    """No student failed in the last run."""


class UnknownStudent(NotFound):
    """No student has that id."""
