"""What a voucher is called and how it is opened: drawn at random, typed on a phone."""

import math
import re
from dataclasses import dataclass, field

from ticketing.platform.kernel.errors import UnusableCodeRule

READABLE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1
DIGITS = "0123456789"

_PREFIX = re.compile(r"[A-Za-z0-9-]{0,16}")
_MAX_LENGTH = 32
_MIN_SECRET_COMBINATIONS = 10**8  # fewer could be tried out at the login page
_MIN_NAME_COMBINATIONS = 10**6  # when a password stands beside it, a name only has to be free
_EXTRA_BYTES = 8  # so that no character is likelier than another by more than 2^-64


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the buyer types. Both are secret: in one mode they are the same."""

    name: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeRule:
    """How codes are drawn. Without a `password_length` the password is the code itself."""

    prefix: str = ""
    alphabet: str = READABLE_ALPHABET
    length: int = 8
    password_length: int | None = None

    def __post_init__(self) -> None:
        """Refuse what a router misreads, and what a stranger could guess."""
        if not _PREFIX.fullmatch(self.prefix):
            raise UnusableCodeRule(f"{self.prefix!r}: a prefix is up to 16 of A-Z, a-z, 0-9, -")
        if not (self.alphabet.isascii() and self.alphabet.isalnum()):
            # RouterOS reads a comma as a list, and a leading star as one of its own ids
            raise UnusableCodeRule("the alphabet is ASCII letters and digits only")
        if len(set(self.alphabet)) != len(self.alphabet):
            raise UnusableCodeRule("a character stands twice in the alphabet")
        if self.password_length is None:
            self._check_length("codes", self.length, _MIN_SECRET_COMBINATIONS)
        else:
            self._check_length("codes", self.length, _MIN_NAME_COMBINATIONS)
            self._check_length("passwords", self.password_length, _MIN_SECRET_COMBINATIONS)

    @property
    def random_bytes(self) -> int:
        """How much chance a drawing takes."""
        characters = self.length + (self.password_length or 0)
        return math.ceil(characters * math.log2(len(self.alphabet)) / 8) + _EXTRA_BYTES

    def generate_credentials(self, randomness: bytes) -> Credentials:
        """What is drawn from `random_bytes` of chance."""
        number = int.from_bytes(randomness, "big")
        number, name = self._draw(number, self.length)
        if self.password_length is None:
            return Credentials(self.prefix + name, self.prefix + name)
        _, password = self._draw(number, self.password_length)
        return Credentials(self.prefix + name, password)

    def _draw(self, number: int, length: int) -> tuple[int, str]:
        characters = []
        for _ in range(length):
            number, place = divmod(number, len(self.alphabet))
            characters.append(self.alphabet[place])
        return number, "".join(characters)

    def _check_length(self, what: str, length: int, minimum: int) -> None:
        if not 1 <= length <= _MAX_LENGTH:
            raise UnusableCodeRule(f"{what} are 1 to {_MAX_LENGTH} characters long")
        if len(self.alphabet) ** length < minimum:
            raise UnusableCodeRule(
                f"there are only {len(self.alphabet) ** length:,} {what}; at least {minimum:,} are "
                "needed: make them longer, or the alphabet larger"
            )
