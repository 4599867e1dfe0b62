"""What a billing source offers to a synchronisation: students, and the payment record of each."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class FailureClass(StrEnum):
    """The kind of a failed attempt, which decides about retries."""

    NOT_FOUND = "not_found"
    TIMEOUT = "timeout"
    BAD_DATA = "bad_data"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    WRONG_OWNER = "wrong_owner"
    SOURCE_CONFIG = "source_config"
    PAUSED_QUOTA = "paused_quota"


class PaymentState(StrEnum):
    """The state of one bill, computed from its amounts where it has any."""

    UNPAID = "unpaid"
    PARTIAL = "partial"
    PAID = "paid"
    WAIVED = "waived"
    CANCELLED = "cancelled"
    PENDING = "pending"
    REFUNDED = "refunded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ListedStudent:
    """One student of the source's list; `external_id` is text, leading zeros are kept."""

    external_id: str
    name: str
    group: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class Bill:
    """One normalised bill of a record; amounts in the currency's main unit."""

    source_ref: str
    bill_code: str
    period: str | None
    amount_due: Decimal
    amount_paid: Decimal
    state: PaymentState
    stated_state: PaymentState | None
    paid_at: date | datetime | None
    currency: str = "IDR"

    @property
    def disagrees(self) -> bool:
        """Return whether the source states another state than its amounts show.

        A bill of zero is `waived` here and paid in the words of many sources: that agrees.
        """
        if self.stated_state is None or self.stated_state is self.state:
            return False
        return {self.stated_state, self.state} != {PaymentState.PAID, PaymentState.WAIVED}


@dataclass(frozen=True, slots=True)
class FetchedRecord:
    """A complete, checked record of one student.

    `raw` is the JSON text as received, `checksum` the SHA-256 of its canonical form without
    volatile fields. `contradictions`: where the record differs from its own summary. `pause`:
    seconds for which nobody should send, because the source says that its limit is used up.
    """

    external_id: str
    raw: str
    checksum: str
    etag: str | None
    bills: tuple[Bill, ...]
    contradictions: tuple[str, ...] = ()
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class NotModified:
    """The source says that the record with the etag that was sent is current.

    `pause` is that of `FetchedRecord`.
    """

    external_id: str
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class FailedFetch:
    """One failed attempt.

    `retry_after`: seconds for which nobody may send; `message`: for the operator, no secrets.
    """

    external_id: str
    failure: FailureClass
    message: str
    retry_after: float | None = None
    stops_run: bool = False


FetchOutcome = FetchedRecord | NotModified | FailedFetch


class SourceError(Exception):
    """The list of students, or the source as a whole, cannot be read."""

    def __init__(
        self, failure: FailureClass, message: str, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.failure, self.retry_after = failure, retry_after


class BillingSource(Protocol):
    """One place where payment records come from. Made for one run, closed by `aclose`."""

    name: str
    mapping_version: str

    def list_students(self) -> AsyncIterator[ListedStudent]:
        """Yield every student once.

        Raises SourceError when the list could not be read to its end, or is not complete.
        """
        ...

    async def fetch_record(self, external_id: str, etag: str | None) -> FetchOutcome:
        """Make one attempt, within one deadline, without any retry of its own."""
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...
