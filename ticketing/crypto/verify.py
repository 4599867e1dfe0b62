"""Offline verification of a QR code with public keys, without network or secrets.

Revocation and earlier use are not visible offline; the database knows them.
"""

from collections.abc import Mapping
from datetime import datetime

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from ticketing.crypto.ticket_token import PREFIX, Token, decode_token, signing_input
from ticketing.crypto.verification import RejectionReason, VerificationResult, check_validity_period
from ticketing.platform.kernel.errors import UnreadableToken


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
