"""Which vouchers are to end, and those that are to be asked for again.

Those that another transaction holds are left for the next run: a sweep waits for nobody.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, update

from ticketing.domain.orders import OrderState
from ticketing.domain.vouchers import Counting, VoucherState
from ticketing.store import voucher_endings
from ticketing.store.schema_sales import order_lines, orders
from ticketing.store.schema_vouchers import packages, routers, vouchers

EXPIRED = "expired"

_OVER = (VoucherState.ENDING, VoucherState.GONE)
_WANTED = (VoucherState.OWED, VoucherState.ASKED)
_ENDED_ORDERS = (OrderState.CANCELLED, OrderState.EXPIRED)


def end(
    connection: Connection,
    *conditions: ColumnElement[bool],
    why: str,
    at: datetime,
    limit: int | None = None,
) -> int:
    """End the oldest so many of the vouchers of which all this is so, or all; gives how many."""
    query = (
        select(vouchers.c.id)
        .where(vouchers.c.state.not_in(_OVER), *conditions)
        .order_by(vouchers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(query).scalars().all()
    return voucher_endings.end(connection, ids, why=why, at=at) if ids else 0


def of_order(order_id: int) -> ColumnElement[bool]:
    """Whether a voucher is an order's."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id == order_id)
    return vouchers.c.order_line_id.in_(lines)


def of_ended_orders(event_id: int | None = None) -> ColumnElement[bool]:
    """Whether a voucher is of an order that ended unpaid or was reversed; of one event, or any."""
    lines = (
        select(order_lines.c.id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.state.in_(_ENDED_ORDERS))
    )
    if event_id is not None:
        lines = lines.where(orders.c.event_id == event_id)
    return vouchers.c.order_line_id.in_(lines)


def out_of_time(*, at: datetime) -> ColumnElement[bool]:
    """Whether a voucher that is on its router has been valid for long enough.

    One that seems never to have been used may have been since the last look at its router.
    """
    from_sale = exists().where(
        packages.c.ticket_type_id == vouchers.c.ticket_type_id,
        packages.c.counting == Counting.FROM_SALE,
    )
    looked_since = exists().where(
        routers.c.id == vouchers.c.router_id, routers.c.compared_at >= vouchers.c.ends_at
    )
    return and_(
        vouchers.c.state == VoucherState.PRESENT,
        vouchers.c.ends_at <= at,
        or_(vouchers.c.first_used_at.is_not(None), from_sale, looked_since),
    )


def ask_again(connection: Connection, order_id: int, *, at: datetime) -> int:
    """Let the order's vouchers that wait for a later try be due now; gives how many."""
    waits = or_(vouchers.c.tries > 0, vouchers.c.next_try > at, vouchers.c.gave_up_at.is_not(None))
    due = (
        update(vouchers)
        .where(of_order(order_id), vouchers.c.state.in_(_WANTED), waits)
        .values(next_try=at, tries=0, gave_up_at=None)
    )
    return connection.execute(due).rowcount


def given_up(connection: Connection) -> list[int]:
    """The orders of which a voucher was given up on for now, by their number."""
    query = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.state.in_(_WANTED), vouchers.c.gave_up_at.is_not(None))
        .distinct()
        .order_by(order_lines.c.order_id)
    )
    return list(connection.execute(query).scalars())
