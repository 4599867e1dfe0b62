"""The token in a ticket's QR code: 88 bytes as 144 alphanumeric characters, QR version 6, level M.

    version 1 | generation 1 | event 4 | valid from 4 | valid until 4 | token id 10 | signature 64

Encoding and decoding only; `keyring` signs, `verify` checks signatures. The reasons for this
format are in docs/decisions/0003-qr-token.md.
"""

import re
import struct
from base64 import b32decode
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ticketing.platform.kernel.base32 import encode_base32
from ticketing.platform.kernel.errors import Refused, UnreadableToken

PREFIX = "TC1"
VERSION = 1
TOKEN_ID_BYTES = 10
SIGNATURE_BYTES = 64

_HEAD = struct.Struct(">BBIII")
_CLAIMS_BYTES = _HEAD.size + TOKEN_ID_BYTES
_TOKEN_PATTERN = re.compile(PREFIX + "[A-Z2-7]{141}")
_PADDING = "==="  # pads 141 characters to a multiple of eight
# domain separation: no other use of the key signs a message with this prefix
_PURPOSE = b"ticketing qr token 1\x00"


@dataclass(frozen=True, slots=True)
class Claims:
    """Content of a token. Instants are aware UTC in whole seconds; the repr has no `token_id`."""

    key_generation: int
    event_number: int
    valid_from: datetime
    valid_until: datetime
    token_id: bytes = field(repr=False)

    def pack(self) -> bytes:
        """Return the 24 bytes before the signature."""
        head = pack_head(self.key_generation, self.event_number, self.valid_from, self.valid_until)
        return head + self.token_id


@dataclass(frozen=True, slots=True)
class Token:
    """Claims with an unchecked signature."""

    claims: Claims
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TicketIdentity:
    """The unique identity of a ticket; secrets are not in the repr.

    `qr_text` is the text of the signed token.
    """

    ticket_code: str
    token_id: bytes = field(repr=False)
    qr_text: str = field(repr=False)


def pack_head(
    key_generation: int, event_number: int, valid_from: datetime, valid_until: datetime
) -> bytes:
    """Return the 14 bytes of claims that all tickets of a run share; the token id follows them."""
    since, until = int(valid_from.timestamp()), int(valid_until.timestamp())
    try:
        return _HEAD.pack(VERSION, key_generation, event_number, since, until)
    except struct.error as error:
        raise Refused(
            f"event {event_number}, valid {valid_from:%Y} to {valid_until:%Y}: a token holds "
            "years from 1970 to 2105 and event numbers up to 4294967295"
        ) from error


def signing_input(packed_claims: bytes) -> bytes:
    """Return the message to sign."""
    return _PURPOSE + packed_claims


def encode_token(packed_claims: bytes, signature: bytes) -> str:
    """Return the canonical text of a token."""
    return PREFIX + encode_base32(packed_claims + signature)


def decode_token(text: str) -> Token:
    """Decode a token. Raises UnreadableToken for every text but the canonical one.

    Length, prefix and alphabet are checked before parsing, and the message never repeats the
    text.
    """
    if _TOKEN_PATTERN.fullmatch(text) is None:
        raise UnreadableToken("not a ticket's QR code: wrong length, prefix or characters")
    raw = b32decode(text[len(PREFIX) :] + _PADDING)
    packed, signature = raw[:_CLAIMS_BYTES], raw[_CLAIMS_BYTES:]
    if encode_token(packed, signature) != text:  # the last character has an unused bit
        raise UnreadableToken("not a ticket's QR code: the last character is not canonical")
    version, generation, event_number, valid_from, valid_until = _HEAD.unpack_from(packed)
    if version != VERSION:
        raise UnreadableToken(f"token version {version} is not supported; expected {VERSION}")
    claims = Claims(
        key_generation=generation,
        event_number=event_number,
        valid_from=_from_timestamp(valid_from),
        valid_until=_from_timestamp(valid_until),
        token_id=packed[_HEAD.size :],
    )
    return Token(claims, signature)


def _from_timestamp(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
