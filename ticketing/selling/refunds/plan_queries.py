"""Queries for refund plans: the state of an order, the event's fee, and stored requests by hash.

The rules are in `refund_plan.py`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, cast, null, select, union_all
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders import instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.refund import RefundFee
from ticketing.platform.db import change_plans
from ticketing.platform.db.change_plans import PlanKind, PlanSubject
from ticketing.platform.db.tables.catalogue import promos, ticket_types
from ticketing.platform.db.tables.orders import order_lines, order_positions, promo_redemptions
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.refunds import refund_rules as rules
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments import refund_queries
from ticketing.selling.refunds.refund_plan import (
    RefundablePlace,
    RefundRequest,
    RefundScope,
    RefundSnapshot,
    net_prices,
)
from ticketing.tickets.model import TicketState
from ticketing.tickets.use_queries import was_used
from ticketing.vouchers.transition_queries import RETURNED_REASONS

_NONE = cast(null(), BigInteger)

order_items = union_all(
    select(
        order_positions.c.order_line_id,
        order_positions.c.number,
        order_positions.c.entitlement_id,
        _NONE.label("voucher_id"),
        order_positions.c.returned_at.is_not(None).label("is_returned"),
    ),
    select(
        vouchers.c.order_line_id,
        vouchers.c.number,
        _NONE.label("entitlement_id"),
        vouchers.c.id.label("voucher_id"),
        # an expired voucher may still be refunded
        vouchers.c.revoked_reason.in_(RETURNED_REASONS).label("is_returned"),
    ).where(vouchers.c.order_line_id.is_not(None)),
).subquery("had")

# a stable order: a number always means the same position
order_items_sort = (order_lines.c.ticket_type_id, order_items.c.number)


_LIVE = and_(
    generated_tickets.c.entitlement_id == order_items.c.entitlement_id,
    generated_tickets.c.state == TicketState.LIVE,
)


def get_snapshot(connection: Connection, order: Order) -> RefundSnapshot:
    """Return the data of a locked order that a refund plan needs."""
    return RefundSnapshot(
        order=order,
        # places granted before full payment end with the order, not by a refund
        places=() if order.state is OrderState.PENDING else _places(connection, order.id),
        payments=refund_queries.list_payment_balances(connection, order.id),
        refund_count=len(refund_queries.list_for_order(connection, order.id)),
        instalment_attempt_ids=_find_paying_attempts(connection, order),
    )


def _find_paying_attempts(connection: Connection, order: Order) -> frozenset[int]:
    if order.payment_plan_id is None:
        return frozenset()
    instalments = instalment_queries.list_for_order(connection, order.id)
    return frozenset(
        instalment.paid_by for instalment in instalments if instalment.paid_by is not None
    )


def _places(connection: Connection, order_id: int) -> list[RefundablePlace]:
    """Return the places and vouchers that are not returned, numbered through the order."""
    query = (
        select(
            order_lines.c.ticket_type_id,
            order_items.c.entitlement_id,
            order_items.c.voucher_id,
            order_items.c.is_returned,
            ticket_types.c.name,
            generated_tickets.c.ticket_code,
            generated_tickets.c.delivered_at,
            vouchers.c.activated_at,
            vouchers.c.first_used_at,
            was_used(order_items.c.entitlement_id).label("is_used"),
        )
        .select_from(
            order_items.join(order_lines, order_lines.c.id == order_items.c.order_line_id)
            .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
            .outerjoin(generated_tickets, _LIVE)
            .outerjoin(vouchers, vouchers.c.id == order_items.c.voucher_id)
        )
        .where(order_lines.c.order_id == order_id)
        .order_by(*order_items_sort)
    )
    found = connection.execute(query).all()
    costs = [cost for line in _worths(connection, order_id) for cost in line] if found else []
    return [
        RefundablePlace(
            number=number,
            entitlement_id=row.entitlement_id,
            ticket_type_id=row.ticket_type_id,
            ticket_type=row.name,
            worth=cost,
            ticket_code=row.ticket_code,
            delivered=(row.delivered_at or row.activated_at) is not None,
            used=row.is_used if row.voucher_id is None else row.first_used_at is not None,
            voucher_id=row.voucher_id,
        )
        for number, (row, cost) in enumerate(zip(found, costs, strict=True), start=1)
        if not row.is_returned
    ]


def _worths(connection: Connection, order_id: int) -> list[list[Rupiah]]:
    query = (
        select(orders_table.c.discount, promos.c.ticket_type_id)
        .outerjoin(promo_redemptions, promo_redemptions.c.order_id == orders_table.c.id)
        .outerjoin(promos, promos.c.id == promo_redemptions.c.promo_id)
        .where(orders_table.c.id == order_id)
    )
    row = connection.execute(query).one()
    lines = order_queries.list_lines(connection, order_id)
    return net_prices(lines, Rupiah(row.discount), row.ticket_type_id)


def get_fee(connection: Connection, event_id: int) -> RefundFee:
    """Return the refund fee of an event; no fee by default."""
    query = select(rules.c.fee_percent, rules.c.fee_each).where(rules.c.event_id == event_id)
    row = connection.execute(query).one_or_none()
    return RefundFee() if row is None else RefundFee(row.fee_percent, Rupiah(row.fee_each))


def set_fee(connection: Connection, event_id: int, fee: RefundFee) -> None:
    """Store the refund fee of an event."""
    values = {"fee_percent": fee.percent, "fee_each": fee.each.amount}
    statement = insert(rules).values(event_id=event_id, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[rules.c.event_id], set_=values)
    )


def store_request(
    connection: Connection,
    subject: PlanSubject,
    request: RefundRequest,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
) -> None:
    """Store a request under the plan's hash; the same plan again changes nothing."""
    parameters = _request_to_json(request)
    change_plans.store_plan(
        connection, subject, PlanKind.REFUND, parameters, plan_hash=plan_hash, at=at, by=by
    )


def get_request(connection: Connection, subject: PlanSubject, plan_hash: str) -> RefundRequest:
    """Return the request of a plan; refuses an unknown hash."""
    stored = change_plans.get_plan(connection, subject, PlanKind.REFUND, plan_hash)
    return _request_from_json(stored.parameters)


def _request_to_json(request: RefundRequest) -> dict[str, object]:
    return {
        "places": None if request.places is None else list(request.places),
        "amount": None if request.amount is None else request.amount.amount,
        "money": request.money,
        "fee": [request.fee.percent, request.fee.each.amount],
        "reason": request.reason,
        "flag": request.flag,
        "by_hand": request.by_hand,
    }


def _request_from_json(stored: Mapping[str, Any]) -> RefundRequest:
    percent, each = stored["fee"]
    return RefundRequest(
        places=None if stored["places"] is None else tuple(stored["places"]),
        amount=None if stored["amount"] is None else Rupiah(stored["amount"]),
        money=RefundScope(stored["money"]),
        fee=RefundFee(percent, Rupiah(each)),
        reason=stored["reason"],
        flag=None if stored["flag"] is None else ReviewFlag(stored["flag"]),
        by_hand=stored.get("by_hand", False),  # plans before 0.2 have none
    )
