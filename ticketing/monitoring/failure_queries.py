"""Queries for purchases that need attention and for the deliveries of their codes.

A purchase needs attention if its vouchers failed or if its ready message failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, column, func, select, table

from ticketing.monitoring.purchase_queries import UNPROVISIONED_STATES, PurchaseView, list_where
from ticketing.notifications import delivery_queries
from ticketing.notifications.claim_queries import needs_attention
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import Delivery
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS_READY
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.vouchers.model import VoucherState

FAILED_DELIVERY_STATES = (DeliveryState.ERROR, DeliveryState.FAILED, DeliveryState.UNKNOWN)

_DELIVERY_LOG = table(
    "voucher_delivery_logs",
    *map(
        column,
        ("id", "purchase_id", "channel", "phone", "status", "error_message", "created_at"),
    ),
)


@dataclass(frozen=True, slots=True)
class VoucherDeliveryAttempt:
    """A row of `voucher_delivery_logs`."""

    id: int
    purchase_id: int
    channel: Channel
    phone: str = field(repr=False)
    status: DeliveryState
    error_message: str
    created_at: datetime


class DeliveryAttemptCount(NamedTuple):
    """Number of attempts by channel and status."""

    channel: Channel
    status: DeliveryState
    attempts: int


class FailedDeliveryAttempt(NamedTuple):
    """An attempt that failed or whose result is unknown."""

    order_code: str
    channel: Channel
    status: DeliveryState
    error_message: str
    at: datetime


def list_purchase_deliveries(connection: Connection, order_code: str) -> list[Delivery]:
    """Return the deliveries of a purchase's codes, in the order of the attempts."""
    query = (
        select(deliveries.c.id)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS_READY, outbox.c.subject == order_code)
        .order_by(deliveries.c.id)
    )
    found = (
        delivery_queries.find_delivery(connection, one)
        for one in connection.execute(query).scalars()
    )
    return [delivery for delivery in found if delivery is not None]


def list_attempts(connection: Connection, order_id: int) -> list[VoucherDeliveryAttempt]:
    """Return every attempt to deliver the purchase's codes, newest first."""
    query = (
        select(*_DELIVERY_LOG.c)
        .where(_DELIVERY_LOG.c.purchase_id == order_id)
        .order_by(_DELIVERY_LOG.c.id.desc())
    )
    return [
        VoucherDeliveryAttempt(
            row.id, row.purchase_id, Channel(row.channel), row.phone, DeliveryState(row.status),
            row.error_message, row.created_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def count_attempts_by_state(
    connection: Connection, *, since: datetime
) -> list[DeliveryAttemptCount]:
    """Count the attempts since that time."""
    query = (
        select(_DELIVERY_LOG.c.channel, _DELIVERY_LOG.c.status, func.count())
        .where(_DELIVERY_LOG.c.created_at >= since)
        .group_by(_DELIVERY_LOG.c.channel, _DELIVERY_LOG.c.status)
        .order_by(_DELIVERY_LOG.c.channel, _DELIVERY_LOG.c.status)
    )
    return [
        DeliveryAttemptCount(Channel(channel), DeliveryState(status), number)
        for channel, status, number in connection.execute(query)
    ]


def list_failed_attempts(
    connection: Connection, *, since: datetime, limit: int
) -> list[FailedDeliveryAttempt]:
    """Return failed attempts since that time, newest first."""
    columns = (
        _DELIVERY_LOG.c.channel,
        _DELIVERY_LOG.c.status,
        _DELIVERY_LOG.c.error_message,
        _DELIVERY_LOG.c.created_at,
    )
    query = (
        select(orders.c.code, *columns)
        .join(orders, orders.c.id == _DELIVERY_LOG.c.purchase_id)
        .where(
            _DELIVERY_LOG.c.created_at >= since, _DELIVERY_LOG.c.status.in_(FAILED_DELIVERY_STATES)
        )
        .order_by(_DELIVERY_LOG.c.id.desc())
        .limit(limit)
    )
    return [
        FailedDeliveryAttempt(code, Channel(channel), DeliveryState(status), *more)
        for code, channel, status, *more in connection.execute(query)
    ]


class WaitingVoucher(NamedTuple):
    """A paid voucher that is not on its router; without its code."""

    purchase_id: int
    key: str
    state: VoucherState
    router: str
    attempt_count: int
    next_attempt_at: datetime | None
    failed_at: datetime | None
    last_error: str


def list_failed_purchases(
    connection: Connection, event_id: int | None, *, limit: int, offset: int
) -> tuple[int, list[PurchaseView]]:
    """Return the number of purchases that need attention and a page of them, newest first."""
    given_up = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.state.in_(UNPROVISIONED_STATES), vouchers.c.failed_at.is_not(None))
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


def list_waiting_vouchers(connection: Connection, order_ids: Sequence[int]) -> list[WaitingVoucher]:
    """Return the vouchers of these orders that are not on their routers, oldest first."""
    query = (
        select(
            order_lines.c.order_id,
            vouchers.c.key,
            vouchers.c.state,
            routers.c.name,
            vouchers.c.attempt_count,
            vouchers.c.next_attempt_at,
            vouchers.c.failed_at,
            vouchers.c.last_error,
        )
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .join(routers, routers.c.id == vouchers.c.router_id)
        .where(order_lines.c.order_id.in_(order_ids), vouchers.c.state.in_(UNPROVISIONED_STATES))
        .order_by(vouchers.c.id)
    )
    return [
        WaitingVoucher(order_id, key, VoucherState(state), *more)
        for order_id, key, state, *more in connection.execute(query)
    ]
