"""Random credentials of vouchers, to be typed on a phone."""

import math
import re
from dataclasses import dataclass, field

from ticketing.platform.kernel.errors import UnusableCodeRule

READABLE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1
DIGITS = "0123456789"

_PREFIX = re.compile(r"[A-Za-z0-9-]{0,16}")
_MAX_LENGTH = 32
_MIN_SECRET_COMBINATIONS = 10**8  # fewer could be tried at the login page
_MIN_NAME_COMBINATIONS = 10**6  # with a separate password, a name only has to be unique
_EXTRA_BYTES = 8  # limits the bias between characters to 2^-64


@dataclass(frozen=True, slots=True)
class Credentials:
    """Login name and password of a voucher. Both are secret, because they can be the same."""

    name: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CodeRule:
    """Rule for drawing codes. Without a `password_length` the password is the code itself."""

    prefix: str = ""
    alphabet: str = READABLE_ALPHABET
    length: int = 8
    password_length: int | None = None

    def __post_init__(self) -> None:
        """Raise UnusableCodeRule for codes that a router misreads or that could be guessed."""
        if not _PREFIX.fullmatch(self.prefix):
            raise UnusableCodeRule(
                f"{self.prefix!r}: a prefix has at most 16 of A-Z, a-z, 0-9 and hyphens"
            )
        if not (self.alphabet.isascii() and self.alphabet.isalnum()):
            # RouterOS reads a comma as a list and a leading star as an internal id
            raise UnusableCodeRule("the alphabet may contain only ASCII letters and digits")
        if len(set(self.alphabet)) != len(self.alphabet):
            raise UnusableCodeRule("a character occurs twice in the alphabet")
        if self.password_length is None:
            self._check_length("codes", self.length, _MIN_SECRET_COMBINATIONS)
        else:
            self._check_length("codes", self.length, _MIN_NAME_COMBINATIONS)
            self._check_length("passwords", self.password_length, _MIN_SECRET_COMBINATIONS)

    @property
    def random_bytes(self) -> int:
        """Number of random bytes for one drawing."""
        characters = self.length + (self.password_length or 0)
        return math.ceil(characters * math.log2(len(self.alphabet)) / 8) + _EXTRA_BYTES

    def generate_credentials(self, randomness: bytes) -> Credentials:
        """Return the credentials drawn from `random_bytes` bytes of randomness."""
        number = int.from_bytes(randomness, "big")
        number, name = self._draw(number, self.length)
        if self.password_length is None:
            return Credentials(self.prefix + name, self.prefix + name)
        _, password = self._draw(number, self.password_length)
        return Credentials(self.prefix + name, password)

    def _draw(self, number: int, length: int) -> tuple[int, str]:
        characters = []
        for _ in range(length):
            number, index = divmod(number, len(self.alphabet))
            characters.append(self.alphabet[index])
        return number, "".join(characters)

    def _check_length(self, what: str, length: int, minimum: int) -> None:
        if not 1 <= length <= _MAX_LENGTH:
            raise UnusableCodeRule(f"{what} must be 1 to {_MAX_LENGTH} characters long")
        if len(self.alphabet) ** length < minimum:
            raise UnusableCodeRule(
                f"there are only {len(self.alphabet) ** length:,} {what}; at least {minimum:,} are "
                "needed: make them longer, or the alphabet larger"
            )
