"""The message with a purchase's codes: its deliveries by every channel, and each attempt at one."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, column, func, select, table

from ticketing.domain.deliveries import Channel, DeliveryState
from ticketing.store import delivery_views
from ticketing.store.delivery_views import Delivery
from ticketing.store.outbox import VOUCHERS
from ticketing.store.schema_deliveries import deliveries
from ticketing.store.schema_sales import orders, outbox

IN_VAIN = (DeliveryState.ERROR, DeliveryState.FAILED, DeliveryState.UNKNOWN)

_LOG = table(
    "voucher_delivery_logs",
    *map(
        column,
        ("id", "purchase_id", "channel", "phone", "status", "error_message", "created_at"),
    ),
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One row of `voucher_delivery_logs`."""

    id: int
    purchase_id: int
    channel: Channel
    phone: str = field(repr=False)
    status: DeliveryState
    error_message: str
    created_at: datetime


class Attempts(NamedTuple):
    """So many attempts by one channel ended so."""

    channel: Channel
    status: DeliveryState
    attempts: int


class FailedAttempt(NamedTuple):
    """An attempt that handed nothing over, or perhaps not."""

    order_code: str
    channel: Channel
    status: DeliveryState
    error_message: str
    at: datetime


def of_purchase(connection: Connection, order_code: str) -> list[Delivery]:
    """By which channels the codes went or are to go, in the order in which they were tried."""
    query = (
        select(deliveries.c.id)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS, outbox.c.subject == order_code)
        .order_by(deliveries.c.id)
    )
    found = (delivery_views.find(connection, one) for one in connection.execute(query).scalars())
    return [delivery for delivery in found if delivery is not None]


def attempts(connection: Connection, order_id: int) -> list[Attempt]:
    """Every attempt to hand the purchase's vouchers over, the newest first."""
    query = select(*_LOG.c).where(_LOG.c.purchase_id == order_id).order_by(_LOG.c.id.desc())
    return [
        Attempt(
            row.id, row.purchase_id, Channel(row.channel), row.phone, DeliveryState(row.status),
            row.error_message, row.created_at,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def attempts_by_state(connection: Connection, *, since: datetime) -> list[Attempts]:
    """All attempts since then."""
    query = (
        select(_LOG.c.channel, _LOG.c.status, func.count())
        .where(_LOG.c.created_at >= since)
        .group_by(_LOG.c.channel, _LOG.c.status)
        .order_by(_LOG.c.channel, _LOG.c.status)
    )
    return [
        Attempts(Channel(channel), DeliveryState(status), number)
        for channel, status, number in connection.execute(query)
    ]


def failed_attempts(connection: Connection, *, since: datetime, limit: int) -> list[FailedAttempt]:
    """Some of the attempts since then that were in vain, the newest first."""
    columns = (_LOG.c.channel, _LOG.c.status, _LOG.c.error_message, _LOG.c.created_at)
    query = (
        select(orders.c.code, *columns)
        .join(orders, orders.c.id == _LOG.c.purchase_id)
        .where(_LOG.c.created_at >= since, _LOG.c.status.in_(IN_VAIN))
        .order_by(_LOG.c.id.desc())
        .limit(limit)
    )
    return [
        FailedAttempt(code, Channel(channel), DeliveryState(status), *more)
        for code, channel, status, *more in connection.execute(query)
    ]
