"""Checking a QR with public keys alone: what a gate without network or secret can know.

Whether a ticket was revoked or has been used already it cannot know; that is the database's part.
"""

from collections.abc import Mapping
from datetime import datetime

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

from ticketing.crypto.ticket_token import PREFIX, Token, read_token, signed_bytes
from ticketing.crypto.verdict import Refusal, Verdict, refusal_in_time
from ticketing.platform.kernel.errors import UnreadableToken


def token_or_refusal(text: str) -> Token | Verdict:
    """The token of a QR's text, its signature unchecked; or why it is none."""
    if not text.startswith(PREFIX):
        return Verdict(Refusal.WRONG_PREFIX)
    try:
        return read_token(text)
    except UnreadableToken as error:
        return Verdict(Refusal.MALFORMED, str(error))


def is_genuine(token: Token, public_key: bytes) -> bool:
    """Whether the signature over the claims is the key's; libsodium refuses every second form."""
    message = signed_bytes(token.claims.packed())
    try:
        crypto_sign_open(token.signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def authenticate(token: Token, public_keys: Mapping[int, bytes]) -> Verdict:
    """Whether one of the event's keys, by generation, signed this; at any time, used or not."""
    key = public_keys.get(token.claims.key_generation)
    if key is None:
        return Verdict(Refusal.UNKNOWN_KEY, f"generation {token.claims.key_generation}")
    if not is_genuine(token, key):
        return Verdict(Refusal.BAD_SIGNATURE)
    return Verdict(claims=token.claims)


def verify_offline(
    text: str,
    *,
    event_number: int,
    public_keys: Mapping[int, bytes],
    at: datetime,
    valid_until: datetime | None = None,
) -> Verdict:
    """Everything about a QR that its own text and the event's public keys can answer.

    `valid_until` is the gate's own end, for an event that was moved after tickets were issued.
    """
    token = token_or_refusal(text)
    if isinstance(token, Verdict):
        return token
    claims = token.claims
    if claims.event_number != event_number:
        return Verdict(Refusal.WRONG_EVENT, f"event {claims.event_number}")
    verdict = authenticate(token, public_keys)
    if not verdict.valid:
        return verdict
    until = valid_until or claims.valid_until
    return refusal_in_time(claims.valid_from, until, at) or verdict
