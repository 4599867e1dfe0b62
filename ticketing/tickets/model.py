"""Ticket codes: `TC-<year>-<8 characters>`, made to be read aloud and typed by tired people.

The eight characters are Crockford base32: seven random ones and a check character over the year
and the seven. Whether a code was ever issued only the database knows.

A ticket as it is printed. Codes and tokens have modules of their own.
"""

import re
from enum import StrEnum

from ticketing.platform.kernel.base32 import CROCKFORD_ALPHABET
from ticketing.platform.kernel.errors import UnreadableCode

TICKET_CODE_BYTES = 5

_RANDOM_CHARACTER_COUNT = 7
_CODE_PATTERN = re.compile(r"TC([0-9]{4})([0-9A-HJKMNP-TV-Z]{8})")
_LOOK_ALIKES = str.maketrans("ILO", "110")
_SEPARATORS = re.compile(r"[\s-]+")


def _powers_of_two() -> list[int]:
    """The 31 of them in GF(32), that is modulo the primitive x^5 + x^2 + 1."""
    powers = [1]
    for _ in range(30):
        doubled = powers[-1] << 1
        powers.append(doubled ^ 0b100101 if doubled & 0b100000 else doubled)
    return powers


def _weights() -> list[dict[str, int]]:
    """For each of the eleven places its own weight: every character times 2, 4, 8 and so on.

    Place by place another weight, so one wrong character and any two exchanged ones change the sum.
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
    """The sum of the eleven weighted characters; its own weight is 1."""
    total = 0
    for weigh, character in zip(_WEIGHTS, drawn + year, strict=True):
        total ^= weigh[character]
    return CROCKFORD_ALPHABET[total]


def encode_ticket_code(year: int, random_bytes: bytes) -> str:
    """The code made of 35 of the 40 random bits handed in."""
    number = int.from_bytes(random_bytes[:TICKET_CODE_BYTES], "big")
    drawn = "".join(
        CROCKFORD_ALPHABET[number >> 5 * place & 31] for place in range(_RANDOM_CHARACTER_COUNT)
    )
    return f"TC-{year:04}-{drawn}{_check_character(f'{year:04}', drawn)}"


def normalise_ticket_code(text: str) -> str:
    """The code a person meant: any case, spaces and hyphens anywhere, I and L for 1, O for 0.

    Refuses what has another shape or a wrong check character, without asking the database.
    """
    # only ASCII: upper() would turn a few foreign letters into ours
    bare = _SEPARATORS.sub("", text).upper() if text.isascii() else ""
    shape = _CODE_PATTERN.fullmatch(bare[:2] + bare[2:].translate(_LOOK_ALIKES))
    if shape is None:
        raise UnreadableCode("not a ticket code: expected the shape TC-2026-7K3M9QXA")
    year, digits = shape.groups()
    if _check_character(year, digits[:-1]) != digits[-1]:
        raise UnreadableCode(f"TC-{year}-{digits} is mistyped: its last character does not fit")
    return f"TC-{year}-{digits}"


class TicketState(StrEnum):
    """A ticket lives until it is revoked; there is no way back."""

    LIVE = "live"
    REVOKED = "revoked"
