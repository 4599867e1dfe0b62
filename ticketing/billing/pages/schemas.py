"""Responses of the HTTP API of synced payment records."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from ticketing.billing.sync.progress import SyncProgress
from ticketing.billing.sync.progress_json import progress_to_json
from ticketing.platform.http.envelope import ResponseModel


class SyncLogLineResponse(ResponseModel):
    """A line of a run's log."""

    at: datetime
    """When it happened, in UTC."""
    level: Literal["info", "warning", "error"]
    """How important it is."""
    message: str
    """What happened, in the language of `Accept-Language`: Indonesian or English."""


class SyncProgressResponse(ResponseModel):
    """The progress of the sync that is running, or of the last one."""

    status: Literal["idle", "running", "cancelling", "cancelled", "completed", "failed"]
    """State; `idle` before the first sync and after a reset."""
    total: int
    """Number of students; it grows while `isListing`."""
    processed: int
    """Number of students with a result: `succeeded` and `failed` together."""
    succeeded: int
    """Number of students whose record is current."""
    failed: int
    """Number of students whose record could not be fetched; each is counted once."""
    percent: float
    """Share processed, 0 to 100, rounded down to a tenth; it never falls within one sync."""
    started_at: datetime | None
    """When the sync was started, in UTC; null while idle."""
    eta_seconds: int | None
    """Expected seconds left; null while nothing is known."""
    rate_per_second: float | None
    """Students a second in the last minute; null while nothing is known."""
    log: list[SyncLogLineResponse]
    """The last lines of the log, oldest first."""
    eta_fastest_seconds: int | None
    """Seconds left at the best rate of the last minute; null while nothing is known."""
    eta_slowest_seconds: int | None
    """Seconds left at the worst rate of the last minute; null if it stood still for a while."""
    run_id: int | None
    """Number of the sync; null while idle."""
    source: str
    """Name of the source."""
    unchanged: int
    """Number of students whose record was the same as before; part of `succeeded`."""
    finished_at: datetime | None
    """When it ended, in UTC; null while it runs."""
    is_waiting: bool
    """Whether it is started and no worker has taken it up yet."""
    is_listing: bool
    """Whether the list of students is still being read."""
    can_resume: bool
    """Whether a start goes on with what is left."""
    has_held: bool
    """Whether students or bills vanished in such numbers that a person has to decide."""


class FailedStudentResponse(ResponseModel):
    """A student whose record could not be fetched."""

    id: int = Field(description="Position in the list, for `after`.")
    external_id: str
    """The student's id in the source; a text, leading zeros count."""
    name: str
    """The student's name."""
    group_name: str | None
    """Class or study programme; null without one."""
    failure: str
    """Class of the failure: `timeout`, `not_found`, `bad_data` and others."""
    message: str
    """What exactly went wrong."""
    attempt_count: int
    """Number of tries."""
    finished_at: datetime
    """Time of the last try, in UTC."""


def to_response(progress: SyncProgress, language: str) -> SyncProgressResponse:
    """Return the response for a progress, with its log in a language."""
    shown = progress_to_json(progress, language)
    fields = SyncProgressResponse.model_fields
    return SyncProgressResponse(**{name: shown[_alias(name)] for name in fields})


def _alias(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
