"""Why a router says no, in our words. Its own sentence goes along without what is secret."""

from collections.abc import Iterable
from enum import StrEnum

from ticketing.platform.kernel.errors import NameTaken, RouterRefused

_LONGEST_MESSAGE = 200


class Reason(StrEnum):
    """The known ones; `details["reason"]` of a RouterRefused."""

    NAME_TAKEN = "name_taken"
    NO_SUCH_PROFILE = "no_such_profile"
    NO_SUCH_ITEM = "no_such_item"
    NOT_PERMITTED = "not_permitted"
    LOGIN = "login"
    OTHER = "other"


# texts vary by version and are followed by numbers: looked for inside, never compared whole
_SIGNS = {
    "already have user": Reason.NAME_TAKEN,
    "any value of profile": Reason.NO_SUCH_PROFILE,
    "ambiguous value of profile": Reason.NO_SUCH_PROFILE,
    "no such item": Reason.NO_SUCH_ITEM,
    "not enough permissions": Reason.NOT_PERMITTED,
    "invalid user name or password": Reason.LOGIN,
    "cannot log in": Reason.LOGIN,
}


def refusal(router: str, message: str, secrets: Iterable[str]) -> RouterRefused:
    """What a trap means."""
    low = message.lower()
    reason = next((known for sign, known in _SIGNS.items() if sign in low), Reason.OTHER)
    kind = NameTaken if reason is Reason.NAME_TAKEN else RouterRefused
    told = without(secrets, message)[:_LONGEST_MESSAGE] or "no reason given"
    return kind(f"router {router}: {told}", reason=reason)


def without(secrets: Iterable[str], text: str) -> str:
    """A router's own words, which may repeat ours."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
