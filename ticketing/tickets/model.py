"""Ticket states, and ticket codes `TC-<year>-<8 characters>` that are easy to read and type.

The eight characters are Crockford base32: seven random ones and a check character over them and the
year. Only the database knows whether a code was issued.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from ticketing.platform.kernel.base32 import CROCKFORD_ALPHABET
from ticketing.platform.kernel.errors import UnreadableCode

TICKET_CODE_BYTES = 5
INCOMPLETE_PAYMENT_REASON = "not all instalments were paid"  # of a revocation

_RANDOM_CHARACTER_COUNT = 7
_CODE_PATTERN = re.compile(r"TC([0-9]{4})([0-9A-HJKMNP-TV-Z]{8})")
_LOOK_ALIKES = str.maketrans("ILO", "110")
_SEPARATORS = re.compile(r"[\s-]+")


def _powers_of_two() -> list[int]:
    """Return the 31 powers of two in GF(32), modulo the primitive x^5 + x^2 + 1."""
    powers = [1]
    for _ in range(30):
        doubled = powers[-1] << 1
        powers.append(doubled ^ 0b100101 if doubled & 0b100000 else doubled)
    return powers


def _weights() -> list[dict[str, int]]:
    """Return for each of the eleven positions every character times its weight 2, 4, 8 and so on.

    With different weights, one wrong character and any two swapped ones change the sum.
    """
    powers = _powers_of_two()
    return [
        {"0": 0}
        | {
            CROCKFORD_ALPHABET[power]: powers[(exponent + place) % 31]
            for exponent, power in enumerate(powers)
        }
        for place in range(1, 12)
    ]


_WEIGHTS = _weights()


def _check_character(year: str, drawn: str) -> str:
    """Return the sum of the eleven weighted characters; its own weight is 1."""
    total = 0
    for weigh, character in zip(_WEIGHTS, drawn + year, strict=True):
        total ^= weigh[character]
    return CROCKFORD_ALPHABET[total]


def encode_ticket_code(year: int, random_bytes: bytes) -> str:
    """Return the ticket code for 35 of the 40 random bits."""
    number = int.from_bytes(random_bytes[:TICKET_CODE_BYTES], "big")
    drawn = "".join(
        CROCKFORD_ALPHABET[number >> 5 * place & 31] for place in range(_RANDOM_CHARACTER_COUNT)
    )
    return f"TC-{year:04}-{drawn}{_check_character(f'{year:04}', drawn)}"


def normalise_ticket_code(text: str) -> str:
    """Return the canonical code of a typed one.

    Case, spaces and hyphens are ignored; I and L are read as 1, O as 0. Raises UnreadableCode for
    another format or a wrong check character, without using the database.
    """
    # only ASCII: upper() would turn some other letters into ASCII letters
    bare = _SEPARATORS.sub("", text).upper() if text.isascii() else ""
    shape = _CODE_PATTERN.fullmatch(bare[:2] + bare[2:].translate(_LOOK_ALIKES))
    if shape is None:
        raise UnreadableCode("not a ticket code: expected the format TC-2026-7K3M9QXA")
    year, digits = shape.groups()
    if _check_character(year, digits[:-1]) != digits[-1]:
        raise UnreadableCode(f"TC-{year}-{digits} is mistyped: its last character does not fit")
    return f"TC-{year}-{digits}"


class TicketState(StrEnum):
    """State of a ticket; revoking is final."""

    LIVE = "live"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class RecordedDocument:
    """A ticket and the record of its PDF; path and hash are None before the first rendering."""

    ticket_id: int
    ticket_code: str
    path: str | None
    sha256: str | None
