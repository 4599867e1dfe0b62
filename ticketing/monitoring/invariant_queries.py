"""What cannot be, if vouchers are sound: money without one, one without money, one left lying.

Each is one statement, so that it sees orders and vouchers of one instant. In which words it is an
offence is said in actions/examine_vouchers.py.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select

from ticketing.monitoring.purchase_queries import HANDED_OVER, purchases, tally
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.sales import order_lines, orders, outbox
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.vouchers.model import VoucherState

_FOR_A_ROUTER = (VoucherState.OWED, VoucherState.ASKED, VoucherState.ENDING)
_LIVE = (VoucherState.OWED, VoucherState.ASKED, VoucherState.PRESENT)


class Incomplete(NamedTuple):
    """A paid purchase of which fewer vouchers came to be on a router than were ordered."""

    id: int
    order_code: str
    ordered: int
    served: int


class Unpaid(NamedTuple):
    """A voucher that can be used, or will be, of an order that is not paid."""

    key: str
    state: VoucherState
    order_code: str
    order_state: OrderState


class Left(NamedTuple):
    """A voucher that its router could be asked about, and nobody does."""

    key: str
    state: VoucherState
    router: str
    next_try: datetime | None
    last_error: str


class Unheard(NamedTuple):
    """A purchase whose vouchers are ready, and no vendor has taken the message that says so."""

    order_code: str
    last_error: str  # of the newest attempt; empty: there was none


def count_paid(connection: Connection) -> int:
    """How many purchases of vouchers are paid."""
    query = purchases(tally(one_by_one=False), func.count())
    return int(connection.execute(query.where(orders.c.state == OrderState.PAID)).scalar_one())


def incomplete(connection: Connection, *, paid_by: datetime) -> list[Incomplete]:
    """Those paid by then that are not complete, the oldest first."""
    counted = tally(one_by_one=False)
    ordered, served = counted.ordered.c.ordered, func.coalesce(counted.made.c.served, 0)
    query = (
        purchases(counted, orders.c.id, orders.c.code, ordered, served)
        .where(orders.c.state == OrderState.PAID, orders.c.paid_at <= paid_by, served < ordered)
        .order_by(orders.c.id)
    )
    rows = connection.execute(query)
    return [Incomplete(id_, code, int(number), so_far) for id_, code, number, so_far in rows]


def count_sold(connection: Connection) -> int:
    """How many vouchers of orders can be used, or will be."""
    sold = (vouchers.c.order_line_id.is_not(None), vouchers.c.state.in_(_LIVE))
    return connection.execute(select(func.count()).where(*sold)).scalar_one()


def unpaid(connection: Connection) -> list[Unpaid]:
    """Vouchers that somebody has without the money being here."""
    query = (
        select(vouchers.c.key, vouchers.c.state, orders.c.code, orders.c.state)
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(vouchers.c.state.in_(_LIVE), orders.c.state != OrderState.PAID)
        .order_by(vouchers.c.id)
    )
    return [
        Unpaid(key, VoucherState(state), code, OrderState(order_state))
        for key, state, code, order_state in connection.execute(query)
    ]


def left(connection: Connection, *, since: datetime) -> list[Left]:
    """Vouchers whose turn had come by then, and whose router may be asked since then."""
    rested = or_(routers.c.rests_until.is_(None), routers.c.rests_until <= since)
    due = or_(vouchers.c.next_try.is_(None), vouchers.c.next_try <= since)
    query = (
        select(
            vouchers.c.key,
            vouchers.c.state,
            routers.c.name,
            vouchers.c.next_try,
            vouchers.c.last_error,
        )
        .join(routers, routers.c.id == vouchers.c.router_id)
        .where(vouchers.c.state.in_(_FOR_A_ROUTER), due, rested)
        .order_by(vouchers.c.next_try.nulls_first(), vouchers.c.id)
    )
    rows = connection.execute(query)
    return [Left(key, VoucherState(state), *more) for key, state, *more in rows]


def unheard(
    connection: Connection, *, since: datetime, before: datetime
) -> tuple[int, list[Unheard]]:
    """How many purchases were ready in that time, and those whose buyers have no message."""
    newest = (
        select(deliveries.c.last_error)
        .where(deliveries.c.outbox_id == outbox.c.id)
        .order_by(deliveries.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    ready = (
        select(
            orders.c.id,
            orders.c.code,
            func.bool_or(func.coalesce(_is_taken(), false())).label("was_told"),
            func.coalesce(func.max(newest), "").label("last_error"),
        )
        .join(outbox, and_(outbox.c.subject == orders.c.code, outbox.c.purpose == VOUCHERS))
        .where(
            orders.c.state == OrderState.PAID,
            outbox.c.created_at >= since,
            outbox.c.created_at < before,
        )
        .group_by(orders.c.id)
        .subquery("ready")
    )
    total = connection.execute(select(func.count()).select_from(ready)).scalar_one()
    query = select(ready.c.code, ready.c.last_error).where(~ready.c.was_told)
    return total, [Unheard(*row) for row in connection.execute(query.order_by(ready.c.id))]


def _is_taken() -> ColumnElement[bool]:
    """Whether a vendor has taken a message of the outbox, by any channel."""
    return (
        select(func.bool_or(deliveries.c.state.in_(HANDED_OVER)))
        .where(deliveries.c.outbox_id == outbox.c.id)
        .scalar_subquery()
    )
