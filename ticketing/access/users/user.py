"""A user, and the rules of names, e-mail addresses and passwords."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ticketing.access.caller import Role
from ticketing.platform.kernel.errors import AlreadyExists, NotFound, Refused

MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 256
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{3,189}")


class UnknownUser(NotFound):
    """No user has that name."""


class UserExists(AlreadyExists):
    """A user has that name or e-mail address."""


class UnusableUser(Refused):
    """The name, e-mail address or password of a user cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class User:
    """A user. `event_ids` None is no restriction."""

    id: int
    name: str
    email: str | None
    role: Role
    event_ids: Sequence[int] | None
    created_by: str
    created_at: datetime
    disabled_at: datetime | None
    last_sign_in_at: datetime | None
    password_hash: str = field(repr=False)


def normalize_login(text: str) -> str:
    """Return a name or an e-mail address as it is stored."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def normalize_password(text: str) -> str:
    """Return a password in the form that is hashed, whatever keyboard composed its letters."""
    return unicodedata.normalize("NFKC", text)


def parse_name(text: str) -> str:
    """Return the name of a user. Raises UnusableUser."""
    name = normalize_login(text)
    if not _NAME.fullmatch(name):
        raise UnusableUser(
            f"name {text!r}: use 2 to 63 letters, digits, dots, dashes or underscores"
        )
    return name


def parse_email(text: str) -> str | None:
    """Return the e-mail address of a user, None for an empty one. Raises UnusableUser."""
    email = normalize_login(text)
    if email and not _EMAIL.fullmatch(email):
        raise UnusableUser(f"e-mail {text!r}: write an address such as ayu@example.org")
    return email or None


def parse_password(text: str, name: str) -> str:
    """Return a password to hash. Raises UnusableUser for a short one, never repeating it."""
    password = normalize_password(text)
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise UnusableUser(
            f"the password has {len(password)} characters:"
            f" use {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH}"
        )
    if len(set(password)) < MIN_PASSWORD_LENGTH // 2 or name in password.lower():
        raise UnusableUser("the password is easy to guess: use other words than the name")
    return password
