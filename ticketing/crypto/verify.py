"""Checking a QR with public keys alone: what a gate without network or secret can know.

Whether a ticket was revoked or has been used already it cannot know; that is the database's part.
"""

from collections.abc import Mapping
from datetime import datetime

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from ticketing.crypto.ticket_token import PREFIX, Token, decode_token, signing_input
from ticketing.crypto.verification import RejectionReason, VerificationResult, check_validity_period
from ticketing.platform.kernel.errors import UnreadableToken


def parse_token(text: str) -> Token | VerificationResult:
    """The token of a QR's text, its signature unchecked; or why it is none."""
    if not text.startswith(PREFIX):
        return VerificationResult(RejectionReason.WRONG_PREFIX)
    try:
        return decode_token(text)
    except UnreadableToken as error:
        return VerificationResult(RejectionReason.MALFORMED, str(error))


def has_valid_signature(token: Token, public_key: bytes) -> bool:
    """Whether the signature over the claims is the key's; libsodium refuses every second form."""
    message = signing_input(token.claims.pack())
    try:
        crypto_sign_open(token.signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def verify_signature(token: Token, public_keys: Mapping[int, bytes]) -> VerificationResult:
    """Whether one of the event's keys, by generation, signed this; at any time, used or not."""
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
    """Everything about a QR that its own text and the event's public keys can answer.

    `valid_until` is the gate's own end, for an event that was moved after tickets were issued.
    """
    token = parse_token(text)
    if isinstance(token, VerificationResult):
        return token
    claims = token.claims
    if claims.event_number != event_number:
        return VerificationResult(RejectionReason.WRONG_EVENT, f"event {claims.event_number}")
    verdict = verify_signature(token, public_keys)
    if not verdict.is_valid:
        return verdict
    until = valid_until or claims.valid_until
    return check_validity_period(claims.valid_from, until, at) or verdict
