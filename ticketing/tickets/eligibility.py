"""How each person of an event stands towards a ticket. The counting itself is the database's."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EntitlementStatus(StrEnum):
    """Why somebody has no ticket, or that there is one. The first that applies counts."""

    WITHDRAWN = "withdrawn"
    HAS_TICKET = "has ticket"
    EVENT_OVER = "event is over"
    ON_HOLD = "on hold"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """One person's right to one ticket, and how it stands."""

    attendee_id: int
    guest_id: int
    external_id: str | None
    first_name: str
    last_name: str
    full_name: str
    email: str
    phone: str
    ticket_type: str
    seat: str
    standing: EntitlementStatus
    hold_reason: str | None
    ticket_code: str | None

    @property
    def reason(self) -> str:
        """The standing as one line for the operator, with what is behind it."""
        match self.standing:
            case EntitlementStatus.HAS_TICKET:
                return f"has ticket {self.ticket_code}"
            case EntitlementStatus.ON_HOLD:
                return f"on hold: {self.hold_reason}"
            case EntitlementStatus.WITHDRAWN if self.ticket_code:
                return f"withdrawn, yet ticket {self.ticket_code} is live: revoke it"
            case _:
                return str(self.standing)


@dataclass(frozen=True, slots=True)
class RejectedImportRow:
    """A line of an import that could not become a person."""

    import_id: int
    source_name: str
    line_number: int
    field: str
    value: str
    reason: str

    def __str__(self) -> str:
        """Where it is and what is wrong with it."""
        place = f"{self.source_name} line {self.line_number}"
        return f"{place}: {self.field} {self.value!r}: {self.reason}"


@dataclass(frozen=True, slots=True)
class EligibilityCounts:
    """The people of an event counted by standing, and the reasons by name.

    Everyone entitled is missing a ticket, has one, is on hold, or is too late.
    """

    missing: int
    has_ticket: int
    on_hold: int
    over: int
    withdrawn: int
    quarantined: int
    reasons: Mapping[str, int]

    @property
    def entitled(self) -> int:
        """Everyone on the list who has not been withdrawn."""
        return self.missing + self.has_ticket + self.on_hold + self.over
