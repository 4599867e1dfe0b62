"""The token inside a ticket's QR: 88 bytes as 144 alphanumeric characters, QR version 6, level M.

    version 1 | generation 1 | event 4 | valid from 4 | valid until 4 | token id 10 | signature 64

Packing and reading only; `signing` makes and checks the signature, `verification` judges.
Why so and not otherwise: docs/decisions/0003-qr-token.md.
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
_PADDING = "==="  # what 141 characters lack to a multiple of eight
# what is signed begins with words no other use of the key begins with
_PURPOSE = b"ticketing qr token 1\x00"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Instants are aware UTC, whole seconds; a repr never shows `token_id`."""

    key_generation: int
    event_number: int
    valid_from: datetime
    valid_until: datetime
    token_id: bytes = field(repr=False)

    def pack(self) -> bytes:
        """The 24 bytes before the signature."""
        head = pack_head(self.key_generation, self.event_number, self.valid_from, self.valid_until)
        return head + self.token_id


@dataclass(frozen=True, slots=True)
class Token:
    """Claims with a signature that nobody has checked yet."""

    claims: Claims
    signature: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TicketIdentity:
    """What makes a ticket that one and no other; a repr shows nothing that opens a door.

    `qr_text` is the signed token's text.
    """

    ticket_code: str
    token_id: bytes = field(repr=False)
    qr_text: str = field(repr=False)


def pack_head(
    key_generation: int, event_number: int, valid_from: datetime, valid_until: datetime
) -> bytes:
    """The 14 bytes of claims that all tickets of one run share; the token id follows them."""
    since, until = int(valid_from.timestamp()), int(valid_until.timestamp())
    try:
        return _HEAD.pack(VERSION, key_generation, event_number, since, until)
    except struct.error as error:
        raise Refused(
            f"event {event_number}, valid {valid_from:%Y} to {valid_until:%Y}: a token holds "
            "years from 1970 to 2105 and event numbers up to 4294967295"
        ) from error


def signing_input(packed_claims: bytes) -> bytes:
    """The message the signature is over."""
    return _PURPOSE + packed_claims


def encode_token(packed_claims: bytes, signature: bytes) -> str:
    """The one text of a token."""
    return PREFIX + encode_base32(packed_claims + signature)


def decode_token(text: str) -> Token:
    """The token a text stands for; refuses every text that is not its token's one text.

    Length, prefix and alphabet are checked before anything is parsed, and the message never
    repeats the text.
    """
    if _TOKEN_PATTERN.fullmatch(text) is None:
        raise UnreadableToken("not a ticket's QR: its length, prefix or characters are others")
    raw = b32decode(text[len(PREFIX) :] + _PADDING)
    packed, signature = raw[:_CLAIMS_BYTES], raw[_CLAIMS_BYTES:]
    if encode_token(packed, signature) != text:  # the last character has a bit to spare
        raise UnreadableToken("not a ticket's QR: its last character is another spelling")
    version, generation, event_number, valid_from, valid_until = _HEAD.unpack_from(packed)
    if version != VERSION:
        raise UnreadableToken(f"a ticket's QR of version {version}; this reads version {VERSION}")
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
