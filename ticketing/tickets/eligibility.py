"""Status of the entitlements of an event. Counting is done in the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EntitlementStatus(StrEnum):
    """Status of an entitlement; the first that applies."""

    WITHDRAWN = "withdrawn"
    HAS_TICKET = "has ticket"
    EVENT_OVER = "event is over"
    ON_HOLD = "on hold"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """An entitlement of a guest, with its status."""

    entitlement_id: int
    guest_id: int
    external_id: str | None
    first_name: str
    last_name: str
    full_name: str
    email: str
    phone: str
    ticket_type: str
    seat: str
    status: EntitlementStatus
    hold_reason: str | None
    ticket_code: str | None
    render_error: str | None = None  # why the ticket has no current PDF

    @property
    def reason(self) -> str:
        """Return the status with its details, as one line for the operator."""
        match self.status:
            case EntitlementStatus.HAS_TICKET if self.render_error:
                return f"has ticket {self.ticket_code}, its PDF failed: {self.render_error}"
            case EntitlementStatus.HAS_TICKET:
                return f"has ticket {self.ticket_code}"
            case EntitlementStatus.ON_HOLD:
                return f"on hold: {self.hold_reason}"
            case EntitlementStatus.WITHDRAWN if self.ticket_code:
                return f"withdrawn, yet ticket {self.ticket_code} is live: revoke it"
            case _:
                return str(self.status)


@dataclass(frozen=True, slots=True)
class RejectedImportRow:
    """A rejected row of an import."""

    import_id: int
    source_name: str
    line_number: int
    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        """Return the location of the row and what is wrong with it."""
        place = f"{self.source_name} line {self.line_number}"
        return f"{place}: {self.field} {self.value!r}: {self.reason}"


@dataclass(frozen=True, slots=True)
class EligibilityCounts:
    """Number of people of an event by status, and by reason.

    Every entitled person is counted once: missing, has ticket, on hold, or over. `pdf_failed` is
    the part of those with a ticket whose PDF could not be rendered.
    """

    missing: int
    has_ticket: int
    pdf_failed: int
    on_hold: int
    over: int
    withdrawn: int
    quarantined: int
    reasons: Mapping[str, int]

    @property
    def entitled(self) -> int:
        """Return the number of people who were not withdrawn."""
        return self.missing + self.has_ticket + self.on_hold + self.over
