"""Result of verifying a ticket: rejection reasons, and the rules that need no database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.crypto.ticket_token import Claims

CLOCK_SKEW = timedelta(minutes=2)  # tolerated error of a scanner's clock


class RejectionReason(StrEnum):
    """Reason for rejecting a ticket, in the order of the checks."""

    WRONG_PREFIX = "wrong prefix"  # a QR code of another kind
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"  # unknown event or key generation
    BAD_SIGNATURE = "bad signature"
    UNKNOWN = "unknown"  # never issued
    REVOKED = "revoked"
    WRONG_EVENT = "wrong event"
    NOT_YET_VALID = "not yet valid"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ScannedTicket:
    """Details of a ticket for the person who scans it."""

    ticket_id: int
    ticket_code: str
    event_slug: str
    guest_id: int
    full_name: str
    ticket_type: str
    seat: str


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """Result of a verification. `claims` requires a valid signature, `ticket` a database lookup.

    `note` adds details to the reason: why a ticket was revoked, since when it is valid.
    """

    rejection: RejectionReason | None = None
    note: str = ""
    claims: Claims | None = None
    ticket: ScannedTicket | None = None

    @property
    def is_valid(self) -> bool:
        """Return whether the ticket is valid."""
        return self.rejection is None

    @property
    def reason(self) -> str:
        """Return the result as one line of text."""
        if self.rejection is None:
            return "valid"
        return f"{self.rejection}: {self.note}" if self.note else str(self.rejection)


def check_validity_period(
    valid_from: datetime, valid_until: datetime, at: datetime
) -> VerificationResult | None:
    """Return the rejection outside the validity period, with a tolerance for clocks, or None."""
    if at < valid_from - CLOCK_SKEW:
        return VerificationResult(
            RejectionReason.NOT_YET_VALID, f"valid from {valid_from:%Y-%m-%d %H:%M} UTC"
        )
    if at > valid_until + CLOCK_SKEW:
        return VerificationResult(
            RejectionReason.EXPIRED, f"valid until {valid_until:%Y-%m-%d %H:%M} UTC"
        )
    return None
