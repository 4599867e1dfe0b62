"""Queries that find violations of voucher invariants.

Each is one statement, so that it sees orders and vouchers at one instant. The texts of violations
are in `voucher_checks.py`.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select

from ticketing.monitoring.purchase_queries import SENT_STATES, purchase_counts, select_purchases
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.vouchers.model import LIVE_STATES, UNPLACED_STATES, VoucherState

_STATES_WITH_ROUTER_WORK = (*UNPLACED_STATES, VoucherState.REVOKING)


def count_paid_purchases(connection: Connection, event_id: int) -> int:
    """Count an event's paid purchases of vouchers."""
    is_paid = (orders.c.event_id == event_id, orders.c.state == OrderState.PAID)
    query = select_purchases(purchase_counts(*is_paid, lateral=False), func.count())
    return int(connection.execute(query.where(*is_paid)).scalar_one())


def list_incomplete_purchases(
    connection: Connection, event_id: int, *, paid_before: datetime
) -> list[tuple[int, str, int, int]]:
    """Return id, code, ordered and provisioned vouchers of incomplete purchases, oldest first."""
    is_paid = (orders.c.event_id == event_id, orders.c.state == OrderState.PAID)
    counted = purchase_counts(*is_paid, lateral=False)
    ordered, provisioned = counted.ordered.c.ordered, func.coalesce(counted.vouchers.c.served, 0)
    query = (
        select_purchases(counted, orders.c.id, orders.c.code, ordered, provisioned)
        .where(*is_paid, orders.c.paid_at <= paid_before, provisioned < ordered)
        .order_by(orders.c.id)
    )
    rows = connection.execute(query)
    return [(id_, code, int(number), done) for id_, code, number, done in rows]


def _is_of_event(event_id: int) -> ColumnElement[bool]:
    """Return the condition for the vouchers of an event."""
    return vouchers.c.ticket_type_id.in_(
        select(ticket_types.c.id).where(ticket_types.c.event_id == event_id)
    )


def count_sold_vouchers(connection: Connection, event_id: int) -> int:
    """Count the live vouchers of an event's orders."""
    sold = (vouchers.c.order_line_id.is_not(None), vouchers.c.state.in_(LIVE_STATES))
    query = select(func.count()).where(*sold, _is_of_event(event_id))
    return connection.execute(query).scalar_one()


def count_vouchers_with_router_work(connection: Connection, event_id: int) -> int:
    """Count an event's vouchers that wait for a call to a router."""
    has_work = vouchers.c.state.in_(_STATES_WITH_ROUTER_WORK)
    query = select(func.count()).where(has_work, _is_of_event(event_id))
    return connection.execute(query).scalar_one()


def list_unpaid_vouchers(connection: Connection, event_id: int) -> list[tuple[str, str, str, str]]:
    """Return key, state, order and its state of live vouchers of orders that are not paid."""
    query = (
        select(vouchers.c.key, vouchers.c.state, orders.c.code, orders.c.state)
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(
            orders.c.event_id == event_id,
            vouchers.c.state.in_(LIVE_STATES),
            orders.c.state != OrderState.PAID,
        )
        .order_by(vouchers.c.id)
    )
    return [(*row,) for row in connection.execute(query)]


def list_stuck_vouchers(
    connection: Connection, event_id: int, *, since: datetime
) -> list[tuple[str, str, str, datetime | None, str]]:
    """Return an event's vouchers due before that time whose router could be called since.

    A row has the key, the state, the router's name, the next attempt and the last error.
    """
    rested = or_(routers.c.circuit_open_until.is_(None), routers.c.circuit_open_until <= since)
    due = or_(vouchers.c.next_attempt_at.is_(None), vouchers.c.next_attempt_at <= since)
    query = (
        select(
            vouchers.c.key,
            vouchers.c.state,
            routers.c.name,
            vouchers.c.next_attempt_at,
            vouchers.c.last_error,
        )
        .join(routers, routers.c.id == vouchers.c.router_id)
        .where(vouchers.c.state.in_(_STATES_WITH_ROUTER_WORK), due, rested, _is_of_event(event_id))
        .order_by(vouchers.c.next_attempt_at.nulls_first(), vouchers.c.id)
    )
    return [(*row,) for row in connection.execute(query)]


def list_undelivered_purchases(
    connection: Connection, event_id: int, *, since: datetime, before: datetime
) -> tuple[int, list[tuple[str, str]]]:
    """Return the number of purchases ready in that time, and those without a sent message.

    A row has the code of the order and the error of its latest attempt; empty without one.
    """
    newest = (
        select(deliveries.c.last_error)
        .where(deliveries.c.outbox_id == outbox.c.id)
        .order_by(deliveries.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    is_sent = (  # by any channel
        select(func.bool_or(deliveries.c.state.in_(SENT_STATES)))
        .where(deliveries.c.outbox_id == outbox.c.id)
        .scalar_subquery()
    )
    ready = (
        select(
            orders.c.id,
            orders.c.code,
            func.bool_or(func.coalesce(is_sent, false())).label("is_notified"),
            func.coalesce(func.max(newest), "").label("last_error"),
        )
        .join(outbox, and_(outbox.c.subject == orders.c.code, outbox.c.purpose == VOUCHERS_READY))
        .where(
            orders.c.event_id == event_id,
            orders.c.state == OrderState.PAID,
            outbox.c.created_at >= since,
            outbox.c.created_at < before,
        )
        .group_by(orders.c.id)
        .subquery("ready")
    )
    total = connection.execute(select(func.count()).select_from(ready)).scalar_one()
    query = select(ready.c.code, ready.c.last_error).where(~ready.c.is_notified)
    return total, [(*row,) for row in connection.execute(query.order_by(ready.c.id))]
