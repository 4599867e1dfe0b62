"""Reasons of a router's refusals; the router's own message is kept without secrets."""

from collections.abc import Iterable
from enum import StrEnum

from ticketing.platform.kernel.errors import NameTaken, RouterRefused

_MAX_MESSAGE_LENGTH = 200


class RefusalReason(StrEnum):
    """Known reasons, in `details["reason"]` of a RouterRefused."""

    NAME_TAKEN = "name_taken"
    NO_SUCH_PROFILE = "no_such_profile"
    NO_SUCH_ITEM = "no_such_item"
    NOT_PERMITTED = "not_permitted"
    LOGIN = "login"
    OTHER = "other"


# texts vary by version and end with numbers: search for a part, never compare the whole
_MESSAGE_PATTERNS = {
    "already have user": RefusalReason.NAME_TAKEN,
    "any value of profile": RefusalReason.NO_SUCH_PROFILE,
    "ambiguous value of profile": RefusalReason.NO_SUCH_PROFILE,
    "no such item": RefusalReason.NO_SUCH_ITEM,
    "not enough permissions": RefusalReason.NOT_PERMITTED,
    "invalid user name or password": RefusalReason.LOGIN,
    "cannot log in": RefusalReason.LOGIN,
}


def error_from_trap(router: str, message: str, secrets: Iterable[str]) -> RouterRefused:
    """Return the error that a trap stands for."""
    lower = message.lower()
    reason = next(
        (known for pattern, known in _MESSAGE_PATTERNS.items() if pattern in lower),
        RefusalReason.OTHER,
    )
    kind = NameTaken if reason is RefusalReason.NAME_TAKEN else RouterRefused
    text = redact(secrets, message)[:_MAX_MESSAGE_LENGTH] or "no reason given"
    return kind(f"router {router}: {text}", reason=reason)


def redact(secrets: Iterable[str], text: str) -> str:
    """Return the text without the secrets, which a router's message may repeat."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
