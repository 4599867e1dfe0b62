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
from ticketing.vouchers.model import (
    Package,
    ValidityStart,
    estimate_first_use,
    is_used_up,
    validity_end,
)
from ticketing.vouchers.provisioning import router_state_queries
from ticketing.vouchers.provisioning.router_calls import ROUTER_ERRORS
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.provisioning.router_state_queries import VoucherUsage
from ticketing.vouchers.queries import Voucher

CHUNK = 500
USED_UP_REASON, USED_UNSOLD_REASON = "used up", "used before it was sold"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class ObservedUser:
    """A row, and how long who uses it has been online without a break."""

    row: RouterUser
    session: timedelta


@dataclass(frozen=True, slots=True)
class UsageUpdate:
    """What a row told of its voucher."""

    usage: VoucherUsage
    is_new: bool  # nobody had used it before
    end_reason: str  # why it ends, if it does


@dataclass(frozen=True, slots=True)
class PollResult:
    """What a look at one router brought; with an `error` it brought nothing."""

    router: str
    seen: int = 0  # vouchers of ours, there as they should be
    first_used: int = 0  # since the look before
    ended: int = 0  # they have used all they had
    error: str = ""

    def __add__(self, other: "PollResult") -> "PollResult":
        """Both parts of one look."""
        return PollResult(
            self.router,
            self.seen + other.seen,
            self.first_used + other.first_used,
            self.ended + other.ended,
        )


def poll_routers(
    database: Database, clients: RouterClientPool, *, clock: Clock, by: str
) -> list[PollResult]:
    """Look at every router; what one of them says, or does not say, stops no other."""
    with database.transaction() as connection:
        known = router_queries.list_all(connection)
    looks = []
    for stored in known:
        try:
            looks.append(poll_router(database, clients, stored, clock=clock, by=by))
        except ROUTER_ERRORS as error:
            looks.append(PollResult(stored.name, error=str(error)))
    return looks


def poll_router(
    database: Database, clients: RouterClientPool, stored: StoredRouter, *, clock: Clock, by: str
) -> PollResult:
    """Look at one router. Safe to repeat; killed anywhere, the next look sees the same."""
    began = clock()
    router = clients.client_for(stored)
    found, online = router.own_users(clients.installation_id), router.session_durations()
    rows = {
        row.marker.key: ObservedUser(row, online.get(row.name, timedelta(0)))
        for row in found
        if row.marker
    }
    seen_at = clock()  # whatever was online by then began before
    look = PollResult(stored.name)
    for keys in _chunked(rows, CHUNK):
        with database.transaction() as connection:
            look += _store_usage(
                connection, stored, {key: rows[key] for key in keys}, at=seen_at, by=by
            )
    with database.transaction() as connection:
        router_state_queries.mark_polled(connection, stored.id, at=began)
    return look


def _chunked(keys: Mapping[str, ObservedUser], size: int) -> Iterator[list[str]]:
    """So many at a time."""
    left = iter(keys)
    while part := list(islice(left, size)):
        yield part


def _store_usage(
    connection: Connection,
    stored: StoredRouter,
    rows: Mapping[str, ObservedUser],
    *,
    at: datetime,
    by: str,
) -> PollResult:
    known = router_state_queries.lock_active(connection, stored.id, rows.keys())
    sold = package_queries.find_by_ticket_types(
        connection, sorted({one.ticket_type_id for one in known})
    )
    seen = [
        to_usage_update(one, rows[one.key], sold[one.ticket_type_id].package, seen_at=at)
        for one in known
    ]
    router_state_queries.record_usage(connection, [one.usage for one in seen])
    ended = _revoke_used_up(connection, seen, at=at)
    if ended:
        audit_log.record(
            connection, actor=by, action="vouchers.used_up", subject=stored.name, items=ended
        )
    return PollResult(stored.name, len(seen), sum(one.is_new for one in seen), ended)


def _revoke_used_up(connection: Connection, seen: Sequence[UsageUpdate], *, at: datetime) -> int:
    ended = 0
    for why in (USED_UP_REASON, USED_UNSOLD_REASON):
        ids = [one.usage.voucher_id for one in seen if one.end_reason == why]
        ended += transition_queries.revoke(connection, ids, reason=why, at=at) if ids else 0
    return ended


def to_usage_update(
    voucher: Voucher, observed: ObservedUser, package: Package, *, seen_at: datetime
) -> UsageUpdate:
    """What a row tells of a voucher: its first use no earlier than is certain."""
    row = observed.row
    # the router adds up what each device was online, and several may be at once
    online = max(row.online / package.shared_users, observed.session)
    first = estimate_first_use(voucher.first_used_at, seen_at=seen_at, online=online)
    ends, over = voucher.ends_at, ""
    if is_used_up(package, online=row.online, bytes_used=row.bytes_used):
        over = USED_UP_REASON
    if first is not None and voucher.sold_at is None:
        over = USED_UNSOLD_REASON
    elif first is not None and voucher.sold_at is not None:
        first = max(first, voucher.sold_at)
        if package.counting is ValidityStart.FROM_FIRST_USE:
            ends = validity_end(package, voucher.sold_at, first)
    use = VoucherUsage(voucher.id, row.online, row.bytes_used, first, ends)
    return UsageUpdate(
        use, is_new=first is not None and voucher.first_used_at is None, end_reason=over
    )
