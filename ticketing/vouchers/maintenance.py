"""Voucher maintenance: poll the routers, revoke expired and left-over vouchers, fill the pools.

Validity is counted here, because a router counts only the time a device is online. Left-over
vouchers are those of orders that ended unpaid or were reversed. Orders and rows of vouchers are
never deleted.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement

from ticketing.orders import queries as order_queries
from ticketing.orders.order import OrderState
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import StillOwed
from ticketing.vouchers import cleanup_queries
from ticketing.vouchers.allocate import PoolResult, fill_pools
from ticketing.vouchers.cleanup_queries import EXPIRED
from ticketing.vouchers.provisioning.poll_usage import Clock, PollResult, poll_routers
from ticketing.vouchers.provisioning.router_clients import RouterClientPool
from ticketing.vouchers.transition_queries import CLEANED_UP

CHUNK = 500


def expire_vouchers(database: Database, *, at: datetime, by: str, chunk: int = CHUNK) -> int:
    """Revoke every expired voucher. Safe to repeat, to run concurrently and to interrupt."""
    condition = cleanup_queries.is_expired(at=at)
    return revoke_in_chunks(
        database, condition, reason=EXPIRED, action="vouchers.expire", at=at, by=by, chunk=chunk
    )


def revoke_in_chunks(
    database: Database,
    condition: ColumnElement[bool],
    *,
    reason: str,
    action: str,
    at: datetime,
    by: str,
    chunk: int = CHUNK,
) -> int:
    """Revoke the matching vouchers in chunks, each with an audit entry; return their number."""
    total = 0
    while True:
        with database.transaction() as connection:
            revoked = cleanup_queries.revoke_matching(
                connection, condition, reason=reason, at=at, limit=chunk
            )
            if not revoked:
                return total
            audit_log.record(connection, actor=by, action=action, items=revoked)
        total += revoked


CLEAN_UP_ACTION = "vouchers.clean_up"


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """Number of vouchers revoked by kind."""

    left_over: int = 0  # of orders that ended unpaid or were reversed
    expired: int = 0


def clean_up_order(database: Database, order_id: int, *, at: datetime, by: str) -> CleanupResult:
    """Revoke the vouchers of an order that ended unpaid or was reversed; safe to repeat.

    Raise StillOwed if the order is paid or can still be paid.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise StillOwed(f"order {order.code} is paid; regenerate its vouchers or refund it")
        if order.state is OrderState.PENDING:
            raise StillOwed(f"order {order.code} can still be paid; cancel it first")
        revoked = cleanup_queries.revoke_matching(
            connection, cleanup_queries.is_of_order(order.id), reason=CLEANED_UP, at=at
        )
        if revoked:
            audit_log.record(
                connection,
                actor=by,
                action=CLEAN_UP_ACTION,
                event_id=order.event_id,
                subject=order.code,
                items=revoked,
            )
    return CleanupResult(left_over=revoked)


def clean_up_expired(database: Database, *, at: datetime, by: str) -> CleanupResult:
    """Revoke the left-over vouchers of all ended orders and every expired voucher."""
    condition = cleanup_queries.is_of_ended_order()
    left_over = revoke_in_chunks(
        database, condition, reason=CLEANED_UP, action=CLEAN_UP_ACTION, at=at, by=by
    )
    return CleanupResult(left_over, expire_vouchers(database, at=at, by=by))


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """Result of each maintenance step."""

    polls: list[PollResult]
    clean_up: CleanupResult
    pools: PoolResult


def maintain_vouchers(
    database: Database, clients: RouterClientPool, *, clock: Clock, by: str
) -> MaintenanceReport:
    """Poll, revoke, fill the pools. Safe to repeat, run concurrently and interrupt."""
    polls = poll_routers(database, clients, clock=clock, by=by)
    at = clock()
    return MaintenanceReport(
        polls,
        clean_up_expired(database, at=at, by=by),
        fill_pools(database, at=at, by=by),
    )
