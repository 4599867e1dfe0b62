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
from ticketing.vouchers.allocate import Stocked, make_ahead
from ticketing.vouchers.cleanup_queries import EXPIRED
from ticketing.vouchers.provisioning.poll_usage import Clock, Look, look_at_routers
from ticketing.vouchers.provisioning.router_admin import RouterDoors
from ticketing.vouchers.transition_queries import CLEANED_UP

CHUNK = 500


def expire_vouchers(database: Database, *, at: datetime, by: str, chunk: int = CHUNK) -> int:
    """End every voucher that is out of its time; safe to repeat, to run twice at once, to kill."""
    over = cleanup_queries.out_of_time(at=at)
    return end_all(database, over, why=EXPIRED, action="vouchers.expire", at=at, by=by, chunk=chunk)


def end_all(
    database: Database,
    condition: ColumnElement[bool],
    *,
    why: str,
    action: str,
    at: datetime,
    by: str,
    chunk: int = CHUNK,
) -> int:
    """End vouchers chunk by chunk, with a line in the audit log each; gives how many."""
    so_far = 0
    while True:
        with database.transaction() as connection:
            ended = cleanup_queries.end(connection, condition, why=why, at=at, limit=chunk)
            if not ended:
                return so_far
            audit_log.record(connection, actor=by, action=action, items=ended)
        so_far += ended


ACTION = "vouchers.clean_up"


@dataclass(frozen=True, slots=True)
class CleanUp:
    """So many vouchers are to come off their routers, or never were on one."""

    left_over: int = 0  # of orders that came to nothing
    expired: int = 0


def clean_up_failed(database: Database, order_id: int, *, at: datetime, by: str) -> CleanUp:
    """End what an order that came to nothing has left behind; again, there is nothing left.

    Refuses an order that is paid, or may be yet.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise StillOwed(f"order {order.code} is paid: regenerate its vouchers, or refund it")
        if order.state is OrderState.PENDING:
            raise StillOwed(f"order {order.code} may still be paid; cancel it first")
        ended = cleanup_queries.end(
            connection, cleanup_queries.of_order(order.id), why=CLEANED_UP, at=at
        )
        if ended:
            audit_log.record(
                connection, actor=by, action=ACTION, event_id=order.event_id, subject=order.code,
                items=ended,
            )  # fmt: skip
    return CleanUp(left_over=ended)


def clean_up_expired(database: Database, *, at: datetime, by: str) -> CleanUp:
    """End what ended orders have left behind, and every voucher whose time is over."""
    over = cleanup_queries.of_ended_orders()
    left_over = end_all(database, over, why=CLEANED_UP, action=ACTION, at=at, by=by)
    return CleanUp(left_over, expire_vouchers(database, at=at, by=by))


@dataclass(frozen=True, slots=True)
class Kept:
    """What the upkeep found and did."""

    looks: list[Look]
    clean_up: CleanUp
    stocked: Stocked


def keep_vouchers(database: Database, doors: RouterDoors, *, clock: Clock, by: str) -> Kept:
    """Look, end, stock; safe to repeat, to run twice at once, and to kill."""
    looks = look_at_routers(database, doors, clock=clock, by=by)
    at = clock()
    return Kept(
        looks,
        clean_up_expired(database, at=at, by=by),
        make_ahead(database, at=at, by=by),
    )
