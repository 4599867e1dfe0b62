"""Clean-up: vouchers of orders that ended unpaid or were reversed, and those out of their time.

Only vouchers end here. An order stays as it is for ever, and so does every voucher's row.
"""

from dataclasses import dataclass
from datetime import datetime

from ticketing.actions.expire_vouchers import end_all, expire_vouchers
from ticketing.domain.errors import StillOwed
from ticketing.domain.orders import OrderState
from ticketing.store import audit, orders, voucher_life
from ticketing.store.database import Database
from ticketing.store.voucher_endings import CLEANED_UP

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
        order = orders.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise StillOwed(f"order {order.code} is paid: regenerate its vouchers, or refund it")
        if order.state is OrderState.PENDING:
            raise StillOwed(f"order {order.code} may still be paid; cancel it first")
        ended = voucher_life.end(connection, voucher_life.of_order(order.id), why=CLEANED_UP, at=at)
        if ended:
            audit.record(
                connection, actor=by, action=ACTION, event_id=order.event_id, subject=order.code,
                items=ended,
            )  # fmt: skip
    return CleanUp(left_over=ended)


def clean_up_expired(database: Database, *, at: datetime, by: str) -> CleanUp:
    """End what ended orders have left behind, and every voucher whose time is over."""
    over = voucher_life.of_ended_orders()
    left_over = end_all(database, over, why=CLEANED_UP, action=ACTION, at=at, by=by)
    return CleanUp(left_over, expire_vouchers(database, at=at, by=by))
