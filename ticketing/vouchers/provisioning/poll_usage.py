"""Looks at the routers: which vouchers are in use, since when, and which have used all they had.

Validity runs from the first use, and a router has no word for that: it only counts the time that
somebody was online. So it is looked at again and again; each look reads the whole table once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import Connection

from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.routers import queries as router_queries
from ticketing.routers.model import RouterUser
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import package_queries, transition_queries
from ticketing.vouchers.model import Counting, Package, ends_at, first_used_at, used_up
from ticketing.vouchers.provisioning import router_state_queries
from ticketing.vouchers.provisioning.router_admin import RouterDoors
from ticketing.vouchers.provisioning.router_calls import TROUBLE
from ticketing.vouchers.provisioning.router_state_queries import Use
from ticketing.vouchers.queries import Voucher

CHUNK = 500
USED_UP, USED_UNSOLD = "used up", "used before it was sold"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Shown:
    """A row, and how long who uses it has been online without a break."""

    row: RouterUser
    session: timedelta


@dataclass(frozen=True, slots=True)
class Seen:
    """What a row told of its voucher."""

    use: Use
    is_new: bool  # nobody had used it before
    over: str  # why it ends, if it does


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one router brought; with an `error` it brought nothing."""

    router: str
    seen: int = 0  # vouchers of ours, there as they should be
    first_used: int = 0  # since the look before
    ended: int = 0  # they have used all they had
    error: str = ""

    def __add__(self, other: "Look") -> "Look":
        """Both parts of one look."""
        return Look(
            self.router,
            self.seen + other.seen,
            self.first_used + other.first_used,
            self.ended + other.ended,
        )


def look_at_routers(database: Database, doors: RouterDoors, *, clock: Clock, by: str) -> list[Look]:
    """Look at every router; what one of them says, or does not say, stops no other."""
    with database.transaction() as connection:
        known = router_queries.everyone(connection)
    looks = []
    for stored in known:
        try:
            looks.append(look_at_router(database, doors, stored, clock=clock, by=by))
        except TROUBLE as error:
            looks.append(Look(stored.name, error=str(error)))
    return looks


def look_at_router(
    database: Database, doors: RouterDoors, stored: StoredRouter, *, clock: Clock, by: str
) -> Look:
    """Look at one router. Safe to repeat; killed anywhere, the next look sees the same."""
    began = clock()
    router = doors.to(stored)
    found, online = router.ours(doors.office), router.sessions()
    rows = {
        row.marker.key: Shown(row, online.get(row.name, timedelta(0)))
        for row in found
        if row.marker
    }
    seen_at = clock()  # whatever was online by then began before
    look = Look(stored.name)
    for keys in _parts(rows, CHUNK):
        with database.transaction() as connection:
            look += _keep(connection, stored, {key: rows[key] for key in keys}, at=seen_at, by=by)
    with database.transaction() as connection:
        router_state_queries.note_look(connection, stored.id, at=began)
    return look


def _parts(keys: Mapping[str, Shown], size: int) -> Iterator[list[str]]:
    """So many at a time."""
    left = iter(keys)
    while part := list(islice(left, size)):
        yield part


def _keep(
    connection: Connection,
    stored: StoredRouter,
    rows: Mapping[str, Shown],
    *,
    at: datetime,
    by: str,
) -> Look:
    known = router_state_queries.present(connection, stored.id, rows.keys())
    sold = package_queries.of_types(connection, sorted({one.ticket_type_id for one in known}))
    seen = [
        seen_of(one, rows[one.key], sold[one.ticket_type_id].package, seen_at=at) for one in known
    ]
    router_state_queries.note(connection, [one.use for one in seen])
    ended = _end(connection, seen, at=at)
    if ended:
        audit_log.record(
            connection, actor=by, action="vouchers.used_up", subject=stored.name, items=ended
        )
    return Look(stored.name, len(seen), sum(one.is_new for one in seen), ended)


def _end(connection: Connection, seen: Sequence[Seen], *, at: datetime) -> int:
    ended = 0
    for why in (USED_UP, USED_UNSOLD):
        ids = [one.use.voucher_id for one in seen if one.over == why]
        ended += transition_queries.end(connection, ids, why=why, at=at) if ids else 0
    return ended


def seen_of(voucher: Voucher, shown: Shown, package: Package, *, seen_at: datetime) -> Seen:
    """What a row tells of a voucher: its first use no earlier than is certain."""
    row = shown.row
    # the router adds up what each device was online, and several may be at once
    online = max(row.online / package.shared_users, shown.session)
    first = first_used_at(voucher.first_used_at, seen_at=seen_at, online=online)
    ends, over = voucher.ends_at, ""
    if used_up(package, online=row.online, bytes_used=row.bytes_used):
        over = USED_UP
    if first is not None and voucher.sold_at is None:
        over = USED_UNSOLD
    elif first is not None and voucher.sold_at is not None:
        first = max(first, voucher.sold_at)
        if package.counting is Counting.FROM_FIRST_USE:
            ends = ends_at(package, voucher.sold_at, first)
    use = Use(voucher.id, row.online, row.bytes_used, first, ends)
    return Seen(use, is_new=first is not None and voucher.first_used_at is None, over=over)
