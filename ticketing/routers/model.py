"""A router's hotspot users: those we want there, those it has, and which of them are ours."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.routers.credentials import Credentials

_MARKER = re.compile(r"tk:([a-z0-9-]{1,16}):([A-Za-z0-9-]{1,40}):([A-Za-z0-9-]{1,48})")


@dataclass(frozen=True, slots=True)
class Marker:
    """Our sign in a row's comment: whose it is, for what, and under which name we made it.

    `office` tells installations apart that share a router; `key` is the voucher's own, made before
    the router is asked and never used again. With the name in it, a row that somebody copied by
    hand is not taken for ours.
    """

    installation_id: str
    key: str
    name: str = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse what could not be read back."""
        if not _MARKER.fullmatch(str(self)):
            raise ValueError("a marker's parts are ASCII letters, digits and hyphens, and not long")

    def __str__(self) -> str:
        """The comment."""
        return f"tk:{self.installation_id}:{self.key}:{self.name}"

    @classmethod
    def parse(cls, comment: str) -> "Marker | None":
        """The marker that a comment is; None for every other comment."""
        read = _MARKER.fullmatch(comment)
        return cls(*read.groups()) if read else None


@dataclass(frozen=True, slots=True)
class HotspotUser:
    """A row as we want it on a router."""

    credentials: Credentials
    profile: str
    marker: Marker
    online_limit: timedelta | None = None
    bytes_limit: int | None = None

    @property
    def name(self) -> str:
        """What the router calls it."""
        return self.credentials.name


@dataclass(frozen=True, slots=True)
class RouterUser:
    """A row as a router shows it; its password is never read."""

    id: str
    name: str = field(repr=False)
    profile: str
    comment: str = field(repr=False)
    online: timedelta
    bytes_used: int
    disabled: bool
    online_limit: timedelta | None = None
    bytes_limit: int | None = None

    @property
    def marker(self) -> Marker | None:
        """Our marker, if the row is one that we made and nobody renamed or copied."""
        marker = Marker.parse(self.comment)
        return marker if marker and marker.name == self.name else None


@dataclass(frozen=True, slots=True)
class HotspotProfile:
    """A user profile as a router shows it."""

    name: str
    shared_users: int | None  # devices at once; None is no limit
    runs_script: bool  # at login


class RowMatch(StrEnum):
    """What reading back says of a row that we may have made."""

    OURS = "ours"
    TAKEN = "taken"  # somebody else's row has the name
    ABSENT = "absent"


def match_row(expected: HotspotUser, rows: Iterable[RouterUser]) -> RowMatch:
    """Whether a row that we asked for is there."""
    namesakes = [user for user in rows if user.name == expected.name]
    if any(user.marker == expected.marker for user in namesakes):
        return RowMatch.OURS
    return RowMatch.TAKEN if namesakes else RowMatch.ABSENT
