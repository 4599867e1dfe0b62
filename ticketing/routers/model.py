"""Hotspot users of a router: the rows to create, the rows it has, and the marker of ours."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from ticketing.routers.credentials import Credentials

_MARKER = re.compile(r"tk:([a-z0-9-]{1,16}):([A-Za-z0-9-]{1,40}):([A-Za-z0-9-]{1,48})")


@dataclass(frozen=True, slots=True)
class Marker:
    """Our marker in a row's comment: installation, voucher and the name it was created with.

    The installation id distinguishes installations that share a router. `key` is the voucher's own,
    drawn before the router is called and never reused. The name excludes rows copied by hand.
    """

    installation_id: str
    key: str
    name: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raise ValueError for parts that could not be parsed back."""
        if not _MARKER.fullmatch(str(self)):
            raise ValueError(
                "a marker's parts must be short and of ASCII letters, digits and hyphens"
            )

    def __str__(self) -> str:
        return f"tk:{self.installation_id}:{self.key}:{self.name}"

    @classmethod
    def parse(cls, comment: str) -> "Marker | None":
        """Return the marker in a comment, or None."""
        read = _MARKER.fullmatch(comment)
        return cls(*read.groups()) if read else None


@dataclass(frozen=True, slots=True)
class HotspotUser:
    """A row to create on a router."""

    credentials: Credentials
    profile: str
    marker: Marker
    online_limit: timedelta | None = None
    bytes_limit: int | None = None

    @property
    def name(self) -> str:
        """Name of the row on the router."""
        return self.credentials.name


@dataclass(frozen=True, slots=True)
class RouterUser:
    """A row as a router prints it; its password is never read."""

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
        """Our marker; None if the row is not ours or was renamed or copied."""
        marker = Marker.parse(self.comment)
        return marker if marker and marker.name == self.name else None


@dataclass(frozen=True, slots=True)
class HotspotProfile:
    """A user profile as a router prints it."""

    name: str
    shared_users: int | None  # concurrent devices; None: unlimited
    runs_script: bool  # at login


class RowMatch(StrEnum):
    """Result of reading back a row that we may have created."""

    OURS = "ours"
    TAKEN = "taken"  # a row that is not ours has the name
    ABSENT = "absent"


def match_row(expected: HotspotUser, rows: Iterable[RouterUser]) -> RowMatch:
    """Return whether the requested row is present, absent, or its name is taken."""
    namesakes = [user for user in rows if user.name == expected.name]
    if any(user.marker == expected.marker for user in namesakes):
        return RowMatch.OURS
    return RowMatch.TAKEN if namesakes else RowMatch.ABSENT
