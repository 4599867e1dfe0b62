"""May this ticket pass? The reasons to refuse one, and the rules that need no database."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.crypto.ticket_token import Claims

CLOCK_SKEW = timedelta(minutes=2)  # how far a gate's clock may be off


class RejectionReason(StrEnum):
    """Why a ticket does not pass, in the order the questions are asked."""

    WRONG_PREFIX = "wrong prefix"  # some other QR, not ours
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"  # no such event or key generation here
    BAD_SIGNATURE = "bad signature"
    UNKNOWN = "unknown"  # never issued
    REVOKED = "revoked"
    WRONG_EVENT = "wrong event"
    NOT_YET_VALID = "not yet valid"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class ScannedTicket:
    """What the person at the gate sees of a ticket that the database knows."""

    ticket_id: int
    ticket_code: str
    event_slug: str
    guest_id: int
    full_name: str
    ticket_type: str
    seat: str


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The answer. `claims` only when the signature was good, `ticket` only when it was looked up.

    `note` says what the reason cannot: why a ticket was revoked, from when one is valid.
    """

    rejection: RejectionReason | None = None
    note: str = ""
    claims: Claims | None = None
    ticket: ScannedTicket | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the ticket passes."""
        return self.rejection is None

    @property
    def reason(self) -> str:
        """One line for a person."""
        if self.rejection is None:
            return "valid"
        return f"{self.rejection}: {self.note}" if self.note else str(self.rejection)


def check_validity_period(
    valid_from: datetime, valid_until: datetime, at: datetime
) -> VerificationResult | None:
    """Refused before its time and after it, each by more than a gate's clock may be off."""
    if at < valid_from - CLOCK_SKEW:
        return VerificationResult(
            RejectionReason.NOT_YET_VALID, f"valid from {valid_from:%Y-%m-%d %H:%M} UTC"
        )
    if at > valid_until + CLOCK_SKEW:
        return VerificationResult(
            RejectionReason.EXPIRED, f"valid until {valid_until:%Y-%m-%d %H:%M} UTC"
        )
    return None
