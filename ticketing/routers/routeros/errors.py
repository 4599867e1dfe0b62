"""Why a router says no, in our words. Its own sentence goes along without what is secret."""

from collections.abc import Iterable
from enum import StrEnum

from ticketing.platform.kernel.errors import NameTaken, RouterRefused

_MAX_MESSAGE_LENGTH = 200


class RefusalReason(StrEnum):
    """The known ones; `details["reason"]` of a RouterRefused."""

    NAME_TAKEN = "name_taken"
    NO_SUCH_PROFILE = "no_such_profile"
    NO_SUCH_ITEM = "no_such_item"
    NOT_PERMITTED = "not_permitted"
    LOGIN = "login"
    OTHER = "other"


# texts vary by version and are followed by numbers: looked for inside, never compared whole
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
    """What a trap means."""
    low = message.lower()
    reason = next(
        (known for sign, known in _MESSAGE_PATTERNS.items() if sign in low), RefusalReason.OTHER
    )
    kind = NameTaken if reason is RefusalReason.NAME_TAKEN else RouterRefused
    told = redact(secrets, message)[:_MAX_MESSAGE_LENGTH] or "no reason given"
    return kind(f"router {router}: {told}", reason=reason)


def redact(secrets: Iterable[str], text: str) -> str:
    """A router's own words, which may repeat ours."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
