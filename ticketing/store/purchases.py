"""Purchases of vouchers: an order as its buyer sees it. The rule is `domain.vouchers`' own."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ticketing.domain.orders import OrderState
from ticketing.domain.vouchers import PurchaseState, VoucherState, purchase_state
from ticketing.store.schema_sales import order_lines, orders
from ticketing.store.schema_vouchers import packages, vouchers


@dataclass(frozen=True, slots=True)
class Purchase:
    """How far an order's vouchers have come."""

    order_id: int
    state: PurchaseState
    ordered: int
    vouchers: tuple[VoucherState, ...]  # one for each that was made so far


def of_orders(connection: Connection, order_ids: Collection[int]) -> dict[int, Purchase]:
    """Those of these orders that are of vouchers, by the order's number."""
    bought = (
        select(order_lines.c.order_id, func.sum(order_lines.c.quantity).label("ordered"))
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id.in_(order_ids))
        .group_by(order_lines.c.order_id)
        .subquery()
    )
    query = (
        select(
            orders.c.id,
            orders.c.state,
            bought.c.ordered,
            func.array_remove(func.array_agg(vouchers.c.state), None),
            func.count(vouchers.c.gave_up_at) > 0,
        )
        .select_from(orders)
        .join(bought, bought.c.order_id == orders.c.id)
        .join(order_lines, order_lines.c.order_id == orders.c.id)
        .outerjoin(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .group_by(orders.c.id, bought.c.ordered)
    )
    return {
        order_id: _purchase(order_id, OrderState(state), int(ordered), states, gave_up=gave_up)
        for order_id, state, ordered, states, gave_up in connection.execute(query)
    }


def _purchase(
    order_id: int, order: OrderState, ordered: int, states: Collection[str], *, gave_up: bool
) -> Purchase:
    known = tuple(VoucherState(state) for state in states)
    return Purchase(
        order_id, purchase_state(order, known, ordered, gave_up=gave_up), ordered, known
    )
