"""Queries for purchases that need attention and for the deliveries of their codes.

A purchase needs attention if its vouchers failed or if its ready message failed.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, column, func, select, table

from ticketing.monitoring.purchase_queries import list_where
from ticketing.monitoring.schemas import (
    DeliveryAttemptResponse,
    PurchaseDeliveryResponse,
    PurchaseSummaryResponse,
    WaitingVoucherResponse,
)
from ticketing.notifications.claim_queries import needs_attention
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.vouchers.model import UNPLACED_STATES

FAILED_DELIVERY_STATES = (DeliveryState.ERROR, DeliveryState.FAILED, DeliveryState.UNKNOWN)

_DELIVERY_LOG = table(
    "voucher_delivery_logs",
    *map(column, DeliveryAttemptResponse.model_fields),
)


def list_purchase_deliveries(
    connection: Connection, order_code: str
) -> list[PurchaseDeliveryResponse]:
    """Return the deliveries of a purchase's codes, in the order of the attempts."""
    query = (
        select(
            deliveries.c.id.label("delivery_id"),
            deliveries.c.channel,
            deliveries.c.address.label("phone"),
            deliveries.c.state.label("status"),
            deliveries.c.attempt_count.label("tries"),
            deliveries.c.queued_at,
            deliveries.c.next_attempt_at.label("next_try"),
            deliveries.c.last_error.label("error_message"),
        )
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS_READY, outbox.c.subject == order_code)
        .order_by(deliveries.c.id)
    )
    rows = connection.execute(query).mappings()
    return [PurchaseDeliveryResponse.model_validate(row) for row in rows]


def list_attempts(connection: Connection, order_id: int) -> list[DeliveryAttemptResponse]:
    """Return every attempt to deliver the purchase's codes, newest first."""
    query = (
        select(*_DELIVERY_LOG.c)
        .where(_DELIVERY_LOG.c.purchase_id == order_id)
        .order_by(_DELIVERY_LOG.c.id.desc())
    )
    rows = connection.execute(query).mappings()
    return [DeliveryAttemptResponse.model_validate(row) for row in rows]


def list_delivery_log(
    connection: Connection, event_id: int | None, *, limit: int, offset: int
) -> tuple[int, list[DeliveryAttemptResponse]]:
    """Return the number of attempts for all purchases, and a page of them, newest first."""
    attempts = select(*_DELIVERY_LOG.c)
    if event_id is not None:
        attempts = attempts.join(orders, orders.c.id == _DELIVERY_LOG.c.purchase_id).where(
            orders.c.event_id == event_id
        )
    total = connection.execute(select(func.count()).select_from(attempts.subquery())).scalar_one()
    page = attempts.order_by(_DELIVERY_LOG.c.id.desc()).limit(limit).offset(offset)
    rows = connection.execute(page).mappings()
    return total, [DeliveryAttemptResponse.model_validate(row) for row in rows]


def count_attempts_by_state(
    connection: Connection, event_id: int, *, since: datetime
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Count an event's attempts since that time; a row has channel, status and number."""
    query = (
        select(_DELIVERY_LOG.c.channel, _DELIVERY_LOG.c.status, func.count())
        .join(orders, orders.c.id == _DELIVERY_LOG.c.purchase_id)
        .where(orders.c.event_id == event_id, _DELIVERY_LOG.c.created_at >= since)
        .group_by(_DELIVERY_LOG.c.channel, _DELIVERY_LOG.c.status)
        .order_by(_DELIVERY_LOG.c.channel, _DELIVERY_LOG.c.status)
    )
    return connection.execute(query).all()


def list_failed_attempts(
    connection: Connection, event_id: int, *, since: datetime, limit: int
) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return an event's failed attempts since that time, newest first.

    A row has the code of the order, channel, status, error message and time.
    """
    query = (
        select(
            orders.c.code,
            _DELIVERY_LOG.c.channel,
            _DELIVERY_LOG.c.status,
            _DELIVERY_LOG.c.error_message,
            _DELIVERY_LOG.c.created_at,
        )
        .join(orders, orders.c.id == _DELIVERY_LOG.c.purchase_id)
        .where(
            orders.c.event_id == event_id,
            _DELIVERY_LOG.c.created_at >= since,
            _DELIVERY_LOG.c.status.in_(FAILED_DELIVERY_STATES),
        )
        .order_by(_DELIVERY_LOG.c.id.desc())
        .limit(limit)
    )
    return connection.execute(query).all()


def list_failed_purchases(
    connection: Connection, event_id: int | None, *, limit: int, offset: int
) -> tuple[int, list[PurchaseSummaryResponse]]:
    """Return the number of purchases that need attention and a page of them, newest first."""
    given_up = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.state.in_(UNPLACED_STATES), vouchers.c.failed_at.is_not(None))
    )
    undelivered = (
        select(orders.c.id)
        .join(outbox, outbox.c.subject == orders.c.code)
        .join(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(outbox.c.purpose == VOUCHERS_READY, needs_attention())
    )
    failed = given_up.union(undelivered).subquery("failed")
    conditions = [orders.c.id.in_(select(failed.c[0])), orders.c.state == OrderState.PAID]
    if event_id is not None:
        conditions.append(orders.c.event_id == event_id)
    in_all = connection.execute(select(func.count()).select_from(orders).where(*conditions))
    return in_all.scalar_one(), list_where(connection, *conditions, limit=limit, offset=offset)


def list_waiting_vouchers(
    connection: Connection, order_ids: Sequence[int]
) -> dict[int, list[WaitingVoucherResponse]]:
    """Return by order the vouchers that are not on their routers, oldest first."""
    query = (
        select(
            order_lines.c.order_id,
            vouchers.c.key,
            vouchers.c.state.label("status"),
            routers.c.name.label("router"),
            vouchers.c.attempt_count.label("tries"),
            vouchers.c.next_attempt_at.label("next_try"),
            vouchers.c.failed_at.label("gave_up_at"),
            vouchers.c.last_error.label("error_message"),
        )
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .join(routers, routers.c.id == vouchers.c.router_id)
        .where(order_lines.c.order_id.in_(order_ids), vouchers.c.state.in_(UNPLACED_STATES))
        .order_by(vouchers.c.id)
    )
    waiting: defaultdict[int, list[WaitingVoucherResponse]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        waiting[row["order_id"]].append(WaitingVoucherResponse.model_validate(row))
    return waiting
