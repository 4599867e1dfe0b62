"""Client for the hotspot users of a MikroTik router: add, find, remove.

RouterOS has no idempotency keys. A name belongs to one row, and our marker in the comment shows
which rows are ours; after a missing reply the client reads back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Self

from ticketing.platform.kernel.errors import RouterRefused, TicketingError
from ticketing.routers.model import HotspotProfile, HotspotUser, Marker, RouterUser
from ticketing.routers.routeros.account import RouterAccount
from ticketing.routers.routeros.command import ReplyRow, RouterCommand
from ticketing.routers.routeros.connection import RouterOsConnection
from ticketing.routers.routeros.errors import RefusalReason
from ticketing.routers.routeros.parsing import (
    RouterHealth,
    format_seconds,
    parse_duration,
    parse_health,
    parse_profile,
    parse_user,
)

_CONNECT_TIMEOUT_SECONDS = 5
_REPLY_TIMEOUT_SECONDS = 10
_NAMES_PER_QUERY = 50
_FULL_SCAN_THRESHOLD = 200  # from here on reading the whole table is less work for the router
_USERS, _ACTIVE, _COOKIES = "/ip/hotspot/user", "/ip/hotspot/active", "/ip/hotspot/cookie"
_NO_ROW = "*FFFFFFFF"
_PROFILES = "/ip/hotspot/user/profile"
# without the password: it is never read back, and the account needs no right to read it
_COLUMNS = (
    ".id,name,profile,comment,uptime,bytes-in,bytes-out,disabled,limit-uptime,limit-bytes-total"
)


@dataclass(frozen=True, slots=True)
class AddResult:
    """Result of adding a row; no `error` means that it exists.

    After NameTaken and OutcomeUnknown read the row back with `find`; RouterUnavailable can be
    retried.
    """

    user: HotspotUser
    error: TicketingError | None


class RemovalResult(StrEnum):
    """Result of removing a row."""

    REMOVED = "removed"
    ABSENT = "absent"  # it did not exist any more; its sessions have ended
    NOT_OURS = "not_ours"  # the name is on a row without our marker, which was not changed


class RouterClient:
    """Client of one router. Use `with`, or close it. Threads may share it; calls are serialised.

    Everything but `add` is safe to repeat. Methods raise RouterUnavailable if there is no reply,
    RouterRefused if the router refuses, Misconfigured if its certificate is not trusted.
    """

    def __init__(
        self,
        account: RouterAccount,
        *,
        connect_seconds: float = _CONNECT_TIMEOUT_SECONDS,
        answer_seconds: float = _REPLY_TIMEOUT_SECONDS,
    ) -> None:
        self._account = account
        self._connection = RouterOsConnection(
            account, connect_seconds=connect_seconds, answer_seconds=answer_seconds
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next call connects again."""
        self._connection.close()

    def add(self, users: Sequence[HotspotUser]) -> list[AddResult]:
        """Add rows, pipelined; return the result of each, in order.

        Raises only before the first command was sent. A profile must exist under its exact name,
        because the router accepts any that begins with it, which may belong to another package.
        """
        known = {each.name for each in self.profiles()}
        commands = [_add_command(user) for user in users if user.profile in known]
        replies = iter(self._connection.execute(commands))
        return [
            AddResult(
                user,
                next(replies).error if user.profile in known else self._unknown_profile_error(user),
            )
            for user in users
        ]

    def find(self, names: Iterable[str]) -> list[RouterUser]:
        """Return the rows with these names, ours or not."""
        return [parse_user(row) for row in self._print_matching(_USERS, "name", names, _COLUMNS)]

    def own_users(self, installation_id: str) -> list[RouterUser]:
        """Return every row with the marker of this installation; reads the whole table."""
        return [
            row
            for row in self.users()
            if row.marker and row.marker.installation_id == installation_id
        ]

    def users(self) -> list[RouterUser]:
        """Return every row, ours or not."""
        return [parse_user(row) for row in self._print(_USERS, _COLUMNS)]

    def session_durations(self) -> dict[str, timedelta]:
        """Return the current time online by user name; the longest session of several devices.

        The vendor does not document whether a row's own counter changes before the session ends.
        """
        longest: dict[str, timedelta] = {}
        for row in self._print(_ACTIVE, "user,uptime"):
            name, lasts = row.get("user", ""), parse_duration(row.get("uptime", ""))
            longest[name] = max(lasts, longest.get(name, lasts))
        return longest

    def remove(self, markers: Iterable[Marker]) -> dict[Marker, RemovalResult]:
        """Remove rows and end their sessions.

        The row is disabled first, against new logins; then its sessions and its cookies, which
        would log a device in again, are removed, and the row last. After an interruption the row is
        still there to be found, and a repeated call completes the removal.
        """
        markers_by_name = {marker.name: marker for marker in markers}
        rows = self.find(markers_by_name)
        own_rows = [row for row in rows if row.marker == markers_by_name[row.name]]
        removed = {row.name for row in own_rows}
        foreign = {row.name for row in rows if row.marker != markers_by_name[row.name]}
        ids = [row.id for row in own_rows]
        self._each(f"{_USERS}/set", ids, {"disabled": "yes"})
        for menu in (_ACTIVE, _COOKIES):
            found = self._print_matching(menu, "user", markers_by_name.keys() - foreign, ".id,user")
            self._each(f"{menu}/remove", [row[".id"] for row in found])
        self._each(f"{_USERS}/remove", ids)
        others = {
            name: RemovalResult.NOT_OURS if name in foreign else RemovalResult.ABSENT
            for name in markers_by_name
        }
        return {
            marker: RemovalResult.REMOVED if name in removed else others[name]
            for name, marker in markers_by_name.items()
        }

    def profiles(self) -> list[HotspotProfile]:
        """Return every user profile."""
        return [parse_profile(row) for row in self._print(_PROFILES, "name,shared-users,on-login")]

    def health(self) -> RouterHealth:
        """Return the router's health; raises if it cannot be reached or refuses the login."""
        menus = ("/system/identity", "/system/resource", "/system/clock")
        commands = [RouterCommand(f"{menu}/print") for menu in menus]
        rows = [answer.raise_for_error().rows for answer in self._connection.execute(commands)]
        return parse_health(
            {name: value for menu in rows for row in menu for name, value in row.items()}
        )

    def can_write(self) -> bool:
        """Return whether the account may change users; tried with a row that does not exist."""
        command = RouterCommand(f"{_USERS}/set", {".id": _NO_ROW, "disabled": "no"})
        error = self._connection.execute([command])[0].error
        if isinstance(error, RouterRefused):
            return error.details.get("reason") is not RefusalReason.NOT_PERMITTED
        if error:
            raise error
        return True

    def _unknown_profile_error(self, user: HotspotUser) -> RouterRefused:
        message = f"router {self._account.name}: no profile is called {user.profile!r}"
        return RouterRefused(message, reason=RefusalReason.NO_SUCH_PROFILE)

    def _print(self, menu: str, columns: str, *queries: str) -> list[ReplyRow]:
        command = RouterCommand(f"{menu}/print", {".proplist": columns}, queries)
        return self._connection.execute([command])[0].raise_for_error().rows

    def _print_matching(
        self, menu: str, column: str, names: Iterable[str], columns: str
    ) -> list[ReplyRow]:
        """Return the rows of a menu in which a column holds one of the names."""
        name_set = set(names)
        if len(name_set) > _FULL_SCAN_THRESHOLD:
            return [row for row in self._print(menu, columns) if row.get(column) in name_set]
        in_order = sorted(name_set)
        parts = [
            in_order[begins : begins + _NAMES_PER_QUERY]
            for begins in range(0, len(in_order), _NAMES_PER_QUERY)
        ]
        commands = [
            RouterCommand(f"{menu}/print", {".proplist": columns}, _any_of(column, part))
            for part in parts
        ]
        replies = self._connection.execute(commands)
        return [row for reply in replies for row in reply.raise_for_error().rows]

    def _each(
        self, word: str, ids: Iterable[str], attributes: Mapping[str, str] | None = None
    ) -> None:
        """Run one command for every id; ignore rows that no longer exist."""
        commands = [RouterCommand(word, {".id": each, **(attributes or {})}) for each in ids]
        for reply in self._connection.execute(commands):
            error = reply.error
            if error and error.details.get("reason") is not RefusalReason.NO_SUCH_ITEM:
                raise error


def _any_of(column: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return query words that match any of the values: all operands, then one operator fewer."""
    operands = tuple(f"?{column}={value}" for value in values)
    return (*operands, f"?#{'|' * (len(operands) - 1)}") if len(operands) > 1 else operands


def _add_command(user: HotspotUser) -> RouterCommand:
    return RouterCommand(
        f"{_USERS}/add",
        {
            "name": user.credentials.name,
            "password": user.credentials.password,
            "profile": user.profile,
            "limit-uptime": format_seconds(user.online_limit),
            "limit-bytes-total": "" if user.bytes_limit is None else str(user.bytes_limit),
            "comment": str(user.marker),
        },
        repeatable=False,
    )
