"""E-mail addresses, checked for their form by email-validator. No name server is asked."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_MAX_LOCAL_PART = 64
_MAX_FAST_PATH_LENGTH = 100
# letters, digits and the marks of everyday addresses; "xn--" domains are the library's to read
_FAST_PATH_PATTERN = re.compile(
    r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@((?!xn--)[a-z0-9-]+(?:\.(?!xn--)[a-z0-9-]+)+)"
)


def normalise_email(text: str) -> str:
    """The one normal form of an address, in lower case; ValueError with the reason if it is none.

    Local parts could differ by case alone; no provider lets them, and people type both.
    """
    lower = text.lower()
    usual = (
        _FAST_PATH_PATTERN.fullmatch(lower)
        if len(text) <= _MAX_FAST_PATH_LENGTH and text.isascii()
        else None
    )
    if usual and len(usual[1]) <= _MAX_LOCAL_PART and _is_valid_domain(usual[2]):
        return lower
    return normalise_with_library(text)


def normalise_with_library(text: str) -> str:
    """The same, always by asking the library."""
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=4096)
def _is_valid_domain(domain: str) -> bool:
    """A roster's people share a few domains: each is judged once."""
    try:
        return normalise_with_library(f"a@{domain}") == f"a@{domain}"
    except ValueError:
        return False
