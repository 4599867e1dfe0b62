"""Clean-up: vouchers of orders that ended unpaid or were reversed, and those out of their time.

Only vouchers end here. An order stays as it is for ever, and so does every voucher's row.

Vouchers whose time is over are to come off their routers.

How long one is valid is counted here; a router counts only the time that somebody is online.

The upkeep of vouchers in one: looks at the routers, then what is over ends, then the stocks.
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
    """End every voucher that is out of its time; safe to repeat, to run twice at once, to kill."""
    over = cleanup_queries.is_expired(at=at)
    return revoke_in_chunks(
        database, over, reason=EXPIRED, action="vouchers.expire", at=at, by=by, chunk=chunk
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
    """End vouchers chunk by chunk, with a line in the audit log each; gives how many."""
    so_far = 0
    while True:
        with database.transaction() as connection:
            ended = cleanup_queries.revoke_matching(
                connection, condition, reason=reason, at=at, limit=chunk
            )
            if not ended:
                return so_far
            audit_log.record(connection, actor=by, action=action, items=ended)
        so_far += ended


CLEAN_UP_ACTION = "vouchers.clean_up"


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """So many vouchers are to come off their routers, or never were on one."""

    left_over: int = 0  # of orders that came to nothing
    expired: int = 0


def clean_up_order(database: Database, order_id: int, *, at: datetime, by: str) -> CleanupResult:
    """End what an order that came to nothing has left behind; again, there is nothing left.

    Refuses an order that is paid, or may be yet.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise StillOwed(f"order {order.code} is paid: regenerate its vouchers, or refund it")
        if order.state is OrderState.PENDING:
            raise StillOwed(f"order {order.code} may still be paid; cancel it first")
        ended = cleanup_queries.revoke_matching(
            connection, cleanup_queries.is_of_order(order.id), reason=CLEANED_UP, at=at
        )
        if ended:
            audit_log.record(
                connection,
                actor=by,
                action=CLEAN_UP_ACTION,
                event_id=order.event_id,
                subject=order.code,
                items=ended,
            )
    return CleanupResult(left_over=ended)


def clean_up_expired(database: Database, *, at: datetime, by: str) -> CleanupResult:
    """End what ended orders have left behind, and every voucher whose time is over."""
    over = cleanup_queries.is_of_ended_order()
    left_over = revoke_in_chunks(
        database, over, reason=CLEANED_UP, action=CLEAN_UP_ACTION, at=at, by=by
    )
    return CleanupResult(left_over, expire_vouchers(database, at=at, by=by))


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What the upkeep found and did."""

    looks: list[PollResult]
    clean_up: CleanupResult
    stocked: PoolResult


def maintain_vouchers(
    database: Database, clients: RouterClientPool, *, clock: Clock, by: str
) -> MaintenanceReport:
    """Look, end, stock; safe to repeat, to run twice at once, and to kill."""
    looks = poll_routers(database, clients, clock=clock, by=by)
    at = clock()
    return MaintenanceReport(
        looks,
        clean_up_expired(database, at=at, by=by),
        fill_pools(database, at=at, by=by),
    )
