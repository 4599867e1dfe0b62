"""Polling of routers: first use, usage and exhausted limits of vouchers.

Validity runs from the first use, which a router does not record: it only counts the time online.
Each poll therefore reads the whole user table once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

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
from ticketing.vouchers.provisioning import circuit_breaker, router_state_queries
from ticketing.vouchers.provisioning.router_calls import ROUTER_ERRORS
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.provisioning.router_state_queries import VoucherUsage
from ticketing.vouchers.queries import Voucher

CHUNK = 500
USED_UP_REASON, USED_UNSOLD_REASON = "used up", "used before its sale"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class UsageUpdate:
    """The usage to store for a voucher, as computed from its row."""

    usage: VoucherUsage
    is_new: bool  # first use since its activation
    end_reason: str  # empty if it does not end


@dataclass(frozen=True, slots=True)
class PollResult:
    """Result of polling one router; with an `error` the counts are 0."""

    router: str
    found: int = 0  # our vouchers found on the router
    first_used: int = 0  # since the previous poll
    used_up: int = 0  # limits exhausted
    error: str = ""

    def __add__(self, other: "PollResult") -> "PollResult":
        return PollResult(
            self.router,
            self.found + other.found,
            self.first_used + other.first_used,
            self.used_up + other.used_up,
        )


def poll_routers(
    database: Database, clients: RouterClientPool, *, clock: Clock, by: str
) -> list[PollResult]:
    """Poll every router; an error of one router is reported and does not stop the others.

    Whether the router answered is recorded, so that a dead one is known before somebody has paid.
    """
    with database.transaction() as connection:
        known = router_queries.list_all(connection)
    results = []
    for stored in known:
        try:
            result = poll_router(database, clients, stored, clock=clock, by=by)
        except ROUTER_ERRORS as error:
            result = PollResult(stored.name, error=str(error))
        _record_health(database, stored, result, at=clock())
        results.append(result)
    return results


def _record_health(
    database: Database, stored: StoredRouter, result: PollResult, *, at: datetime
) -> None:
    with database.transaction() as connection:
        if result.error:
            circuit_breaker.record_failure(
                connection, stored, reason=result.error, at=at, jitter=0.0
            )
        else:
            circuit_breaker.record_success(connection, stored, at=at)


def poll_router(
    database: Database, clients: RouterClientPool, stored: StoredRouter, *, clock: Clock, by: str
) -> PollResult:
    """Poll one router. Safe to repeat; an interrupted poll is repeated by the next one."""
    started_at = clock()
    router = clients.client_for(stored)
    found, online = router.own_users(clients.installation_id), router.session_durations()
    rows = {
        row.marker.key: (row, online.get(row.name, timedelta(0))) for row in found if row.marker
    }
    seen_at = clock()  # every session seen began earlier
    result = PollResult(stored.name)
    keys = list(rows)
    for begins in range(0, len(keys), CHUNK):
        with database.transaction() as connection:
            result += _store_usage(
                connection,
                stored,
                {key: rows[key] for key in keys[begins : begins + CHUNK]},
                at=seen_at,
                by=by,
            )
    with database.transaction() as connection:
        router_state_queries.mark_polled(connection, stored.id, at=started_at)
    return result


def _store_usage(
    connection: Connection,
    stored: StoredRouter,
    rows: Mapping[str, tuple[RouterUser, timedelta]],
    *,
    at: datetime,
    by: str,
) -> PollResult:
    known = router_state_queries.lock_active(connection, stored.id, rows.keys())
    packages_by_type = package_queries.find_by_ticket_types(
        connection, sorted({one.ticket_type_id for one in known})
    )
    updates = [
        to_usage_update(
            one, *rows[one.key], packages_by_type[one.ticket_type_id].package, seen_at=at
        )
        for one in known
    ]
    router_state_queries.record_usage(connection, [one.usage for one in updates])
    ended = _revoke_used_up(connection, updates, at=at)
    if ended:
        audit_log.record(
            connection, actor=by, action="vouchers.used_up", subject=stored.name, items=ended
        )
    return PollResult(stored.name, len(updates), sum(one.is_new for one in updates), ended)


def _revoke_used_up(connection: Connection, updates: Sequence[UsageUpdate], *, at: datetime) -> int:
    revoked = 0
    for why in (USED_UP_REASON, USED_UNSOLD_REASON):
        ids = [one.usage.voucher_id for one in updates if one.end_reason == why]
        revoked += transition_queries.revoke(connection, ids, reason=why, at=at) if ids else 0
    return revoked


def to_usage_update(
    voucher: Voucher,
    row: RouterUser,
    session: timedelta,
    package: Package,
    *,
    seen_at: datetime,
) -> UsageUpdate:
    """Return the voucher's usage from its row, with the latest possible time of first use.

    `session` is the duration of its longest current session.
    """
    # the router adds up the time of all devices, which may be online at once
    online = max(row.online / package.shared_users, session)
    first = estimate_first_use(voucher.first_used_at, seen_at=seen_at, online=online)
    ends, end_reason = voucher.expires_at, ""
    if is_used_up(package, online=row.online, bytes_used=row.bytes_used):
        end_reason = USED_UP_REASON
    if first is not None and voucher.sold_at is None:
        end_reason = USED_UNSOLD_REASON
    elif first is not None and voucher.sold_at is not None:
        first = max(first, voucher.sold_at)
        if package.validity_start is ValidityStart.FROM_FIRST_USE:
            ends = validity_end(package, voucher.sold_at, first)
    use = VoucherUsage(voucher.id, row.online, row.bytes_used, first, ends)
    return UsageUpdate(
        use, is_new=first is not None and voucher.first_used_at is None, end_reason=end_reason
    )
