"""Verification of tickets: rejection reasons, rules without a database, and QR codes offline.

Offline verification needs public keys, no network and no secrets. Revocation and earlier use are
not visible offline; the database knows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from ticketing.crypto.ticket_token import PREFIX, Claims, Token, decode_token, signing_input
from ticketing.platform.kernel.errors import UnreadableToken
from ticketing.platform.kernel.wall_clock import format_clock

CLOCK_SKEW = timedelta(minutes=2)  # tolerated error of a scanner's clock


class RejectionReason(StrEnum):
    """Reason for rejecting a ticket, in the order of the checks."""

    WRONG_PREFIX = "wrong prefix"  # a QR code of another kind
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown key"  # unknown event or key generation
    BAD_SIGNATURE = "bad signature"
    UNKNOWN = "unknown"  # never issued
    AFTER_BACKUP = "issued after the backup"  # signed by us; the restored database has no row
    REHEARSAL = "rehearsal ticket"  # a test ticket, outside a rehearsal
    REVOKED = "revoked"
    WRONG_EVENT = "wrong event"
    NOT_YET_VALID = "not yet valid"
    EXPIRED = "expired"
    NOT_ON_LIST = "not on this list"  # its ticket type is checked in elsewhere
    ALREADY_USED = "already used"
    NOT_INSIDE = "not inside"  # an exit without an entry


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
            RejectionReason.NOT_YET_VALID, f"valid from {format_clock(valid_from)}"
        )
    if at > valid_until + CLOCK_SKEW:
        return VerificationResult(
            RejectionReason.EXPIRED, f"valid until {format_clock(valid_until)}"
        )
    return None


def parse_token(text: str) -> Token | VerificationResult:
    """Return the token of a QR code's text with its signature unchecked, or the rejection."""
    if not text.startswith(PREFIX):
        return VerificationResult(RejectionReason.WRONG_PREFIX)
    try:
        return decode_token(text)
    except UnreadableToken as error:
        return VerificationResult(RejectionReason.MALFORMED, str(error))


def has_valid_signature(token: Token, public_key: bytes) -> bool:
    """Return whether the key signed the claims; libsodium refuses non-canonical signatures."""
    message = signing_input(token.claims.pack())
    try:
        crypto_sign_open(token.signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def verify_signature(token: Token, public_keys: Mapping[int, bytes]) -> VerificationResult:
    """Check the signature with the event's keys, by generation; validity is not checked."""
    key = public_keys.get(token.claims.key_generation)
    if key is None:
        return VerificationResult(
            RejectionReason.UNKNOWN_KEY, f"generation {token.claims.key_generation}"
        )
    if not has_valid_signature(token, key):
        return VerificationResult(RejectionReason.BAD_SIGNATURE)
    return VerificationResult(claims=token.claims)


def verify_offline(
    text: str,
    *,
    event_number: int,
    public_keys: Mapping[int, bytes],
    at: datetime,
    valid_until: datetime | None = None,
) -> VerificationResult:
    """Verify a QR code as far as its text and the event's public keys allow.

    `valid_until` overrides the end in the token, for an event moved after tickets were issued.
    """
    token = parse_token(text)
    if isinstance(token, VerificationResult):
        return token
    claims = token.claims
    if claims.event_number != event_number:
        return VerificationResult(RejectionReason.WRONG_EVENT, f"event {claims.event_number}")
    result = verify_signature(token, public_keys)
    if not result.is_valid:
        return result
    until = valid_until or claims.valid_until
    return check_validity_period(claims.valid_from, until, at) or result
