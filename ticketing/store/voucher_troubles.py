"""Voucher purchases that need somebody: their vouchers were given up, or their message failed."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from ticketing.domain.orders import OrderState
from ticketing.domain.vouchers import VoucherState
from ticketing.store.deliveries import needs_a_person
from ticketing.store.outbox import VOUCHERS
from ticketing.store.schema_deliveries import deliveries
from ticketing.store.schema_sales import order_lines, orders, outbox
from ticketing.store.schema_vouchers import routers, vouchers
from ticketing.store.voucher_views import UNSERVED, Purchase, find


class Waiting(NamedTuple):
    """A voucher that is paid for and not on its router; never with its code."""

    purchase_id: int
    key: str
    state: VoucherState
    router: str
    tries: int
    next_try: datetime | None
    gave_up_at: datetime | None
    last_error: str


def failed(
    connection: Connection, event_id: int | None, *, limit: int, offset: int
) -> tuple[int, list[Purchase]]:
    """How many purchases need somebody, and some of them, the newest first.

    Either making their vouchers was given up for now, or the message with their codes does not
    arrive by itself.
    """
    given_up = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.state.in_(UNSERVED), vouchers.c.gave_up_at.is_not(None))
    )
    undelivered = (
        select(orders.c.id)
        .join(outbox, outbox.c.subject == orders.c.code)
        .join(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(outbox.c.purpose == VOUCHERS, needs_a_person())
    )
    wanted = given_up.union(undelivered).subquery("failed")
    conditions = [orders.c.id.in_(select(wanted.c[0])), orders.c.state == OrderState.PAID]
    if event_id is not None:
        conditions.append(orders.c.event_id == event_id)
    in_all = connection.execute(select(func.count()).select_from(orders).where(*conditions))
    return in_all.scalar_one(), find(connection, *conditions, limit=limit, offset=offset)


def unserved(connection: Connection, order_ids: Sequence[int]) -> list[Waiting]:
    """The vouchers of these orders that are not on their routers, in the order of their making."""
    query = (
        select(
            order_lines.c.order_id,
            vouchers.c.key,
            vouchers.c.state,
            routers.c.name,
            vouchers.c.tries,
            vouchers.c.next_try,
            vouchers.c.gave_up_at,
            vouchers.c.last_error,
        )
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .join(routers, routers.c.id == vouchers.c.router_id)
        .where(order_lines.c.order_id.in_(order_ids), vouchers.c.state.in_(UNSERVED))
        .order_by(vouchers.c.id)
    )
    return [
        Waiting(order_id, key, VoucherState(state), *more)
        for order_id, key, state, *more in connection.execute(query)
    ]
