"""Normal form of e-mail addresses. Syntax is checked by email-validator, without DNS queries."""

import re
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

_MAX_LOCAL_PART = 64
_MAX_FAST_PATH_LENGTH = 100
# letters, digits and common punctuation; "xn--" domains are left to the library
_FAST_PATH_PATTERN = re.compile(
    r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@((?!xn--)[a-z0-9-]+(?:\.(?!xn--)[a-z0-9-]+)+)"
)


def normalise_email(text: str) -> str:
    """Return the normal form of an address, in lower case. Raises ValueError with the reason.

    Local parts may differ by case alone, but no provider allows it, and people type both.
    """
    lower = text.lower()
    match = (
        _FAST_PATH_PATTERN.fullmatch(lower)
        if len(text) <= _MAX_FAST_PATH_LENGTH and text.isascii()
        else None
    )
    if match and len(match[1]) <= _MAX_LOCAL_PART and _is_valid_domain(match[2]):
        return lower
    return normalise_with_library(text)


def normalise_with_library(text: str) -> str:
    """Return the same as `normalise_email`, always through the library."""
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error


@lru_cache(maxsize=4096)
def _is_valid_domain(domain: str) -> bool:
    """Return whether a domain is valid; cached, because guests of a roster share few domains."""
    try:
        return normalise_with_library(f"a@{domain}") == f"a@{domain}"
    except ValueError:
        return False
