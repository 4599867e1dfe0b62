"""Queries for metrics and health: queues, states and availability over all events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, false, func, or_, select

from ticketing.monitoring.schemas_dashboard import QueueDepthResponse
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.orders.order import OrderState
from ticketing.orders.refund import RefundState
from ticketing.platform.db.inbox import InboxOutcome
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.platform.db.tables.webhooks import webhook_calls
from ticketing.selling.payments.settle import MIDTRANS_SOURCE
from ticketing.tickets import order_ticket_queries
from ticketing.vouchers.model import VoucherState


def list_queues(connection: Connection, *, at: datetime) -> dict[str, QueueDepthResponse]:
    """Return the depth of each queue: how many items wait and are in work, and for how long."""
    return {
        "inbox": _count_inbox(connection, at),
        "tickets": _count_tickets(connection, at),
        "vouchers": count_voucher_queue(connection, at),
        "deliveries": _count_deliveries(connection, at),
        "webhooks": _count_webhook_calls(connection, at),
        "refunds": _count_refunds(connection, at),
    }


def _depth(waiting: int, active: int, oldest: datetime | None, at: datetime) -> QueueDepthResponse:
    seconds = round(max(0.0, (at - oldest).total_seconds()), 1) if oldest else None
    return QueueDepthResponse(waiting=waiting, active=active, oldest_seconds=seconds)


def _count(
    connection: Connection,
    is_active: ColumnElement[bool],
    since: ColumnElement[datetime],
    *conditions: ColumnElement[bool],
    at: datetime,
) -> QueueDepthResponse:
    """Count the rows that meet the conditions, active ones and others, and find the oldest."""
    query = select(
        func.count().filter(~is_active), func.count().filter(is_active), func.min(since)
    ).where(*conditions)
    waiting, active, oldest = connection.execute(query).one()
    return _depth(waiting, active, oldest, at)


def _count_inbox(connection: Connection, at: datetime) -> QueueDepthResponse:
    """Count the requests of vendors that were stored and not processed yet."""
    table = inbound_webhooks.c
    return _count(
        connection, table.claimed_by.is_not(None), table.received_at, table.processed_at.is_(None),
        at=at,
    )  # fmt: skip


def _count_tickets(connection: Connection, at: datetime) -> QueueDepthResponse:
    """Count the paid people without a ticket or PDF."""
    waiting, oldest = order_ticket_queries.count_paid_without_ticket(connection, at=at)
    return _depth(waiting, 0, oldest, at)


def count_voucher_queue(connection: Connection, at: datetime) -> QueueDepthResponse:
    """Count the vouchers that wait for a call to a router, and those with a call in progress."""
    is_in_progress = vouchers.c.state == VoucherState.PROVISIONING
    is_due = vouchers.c.state.in_((VoucherState.PENDING, VoucherState.REVOKING))
    return _count(
        connection, is_in_progress, vouchers.c.sold_at, or_(is_due, is_in_progress), at=at
    )


def _count_deliveries(connection: Connection, at: datetime) -> QueueDepthResponse:
    """Count the messages to send, and those being sent."""
    is_waiting = deliveries.c.next_attempt_at.is_not(None)
    is_claimed = deliveries.c.state == DeliveryState.CLAIMED
    started = _count(
        connection, is_claimed, deliveries.c.queued_at, or_(is_waiting, is_claimed), at=at
    )
    new = _count(connection, false(), outbox.c.created_at, outbox.c.processed_at.is_(None), at=at)
    ages = [each.oldest_seconds for each in (started, new) if each.oldest_seconds is not None]
    return QueueDepthResponse(
        waiting=started.waiting + new.waiting, active=started.active,
        oldest_seconds=max(ages, default=None),
    )  # fmt: skip


def _count_webhook_calls(connection: Connection, at: datetime) -> QueueDepthResponse:
    """Count the calls to endpoints of others, by the entries of the ledger that they report."""
    table = webhook_calls.c
    entry = select(order_ledger.c.at).where(order_ledger.c.id == table.entry_id).scalar_subquery()
    return _count(
        connection, table.claimed_by.is_not(None), entry, table.next_attempt_at.is_not(None), at=at
    )


def _count_refunds(connection: Connection, at: datetime) -> QueueDepthResponse:
    """Count the refunds that the gateway has not confirmed; staff's own are not in the queue."""
    table = refunds.c
    return _count(
        connection, table.claimed_by.is_not(None), table.requested_at,
        table.completed_at.is_(None), table.state.in_((RefundState.REQUESTED, RefundState.SENT)),
        at=at,
    )  # fmt: skip


def list_router_availability(connection: Connection) -> dict[str, bool]:
    """Return by router name whether the last call succeeded; none for routers never called."""
    is_up = (routers.c.failure_count == 0).label("is_up")
    was_called = or_(routers.c.last_response_at.is_not(None), routers.c.failure_count > 0)
    query = select(routers.c.name, is_up).where(routers.c.removed_at.is_(None), was_called)
    rows = connection.execute(query.order_by(routers.c.name))
    return {row.name: row.is_up for row in rows}


def count_vouchers_by_state(connection: Connection) -> dict[VoucherState, int]:
    """Count all vouchers by state, removed ones included."""
    query = select(vouchers.c.state, func.count()).group_by(vouchers.c.state)
    return {VoucherState(state): number for state, number in connection.execute(query)}


def count_deliveries_by_state(connection: Connection) -> dict[tuple[Channel, DeliveryState], int]:
    """Count all deliveries by channel and state."""
    query = select(deliveries.c.channel, deliveries.c.state, func.count())
    counted = query.group_by(deliveries.c.channel, deliveries.c.state)
    return {
        (Channel(channel), DeliveryState(state)): number
        for channel, state, number in connection.execute(counted)
    }


def find_oldest_waiting(connection: Connection) -> datetime | None:
    """Return the time of sale of the paid voucher that waits longest for its router."""
    query = select(func.min(vouchers.c.sold_at)).where(
        vouchers.c.state.in_((VoucherState.PENDING, VoucherState.PROVISIONING)),
        vouchers.c.order_line_id.is_not(None),
    )
    since: datetime | None = connection.execute(query).scalar_one()
    return since


@dataclass(frozen=True, slots=True)
class StateCounts:
    """Numbers by state; `waiting` are notifications that were not processed yet."""

    notifications: Mapping[str, int] = field(default_factory=dict)
    orders: Mapping[str, int] = field(default_factory=dict)
    refunds: Mapping[str, int] = field(default_factory=dict)
    last_settled_at: datetime | None = None


def count_states(connection: Connection) -> StateCounts:
    """Count payment notifications, orders and refunds by state; every state is present."""
    table = inbound_webhooks.c
    outcome = case((table.processed_at.is_(None), "waiting"), else_=table.outcome)
    by_outcome = (
        select(outcome, func.count(), func.max(table.processed_at))
        .where(table.provider == MIDTRANS_SOURCE)
        .group_by(outcome)
    )
    found = connection.execute(by_outcome).all()
    notifications = dict.fromkeys(("waiting", *InboxOutcome), 0)
    return StateCounts(
        notifications=notifications | {name: number for name, number, _ in found},
        orders=dict.fromkeys(OrderState, 0) | _count_by_state(connection, orders.c.state),
        refunds=dict.fromkeys(RefundState, 0) | _count_by_state(connection, refunds.c.state),
        last_settled_at=next((at for name, _, at in found if name == InboxOutcome.APPLIED), None),
    )


def _count_by_state(connection: Connection, state: ColumnElement[str]) -> dict[str, int]:
    query = select(state.label("state"), func.count().label("number")).group_by(state)
    return {row.state: row.number for row in connection.execute(query)}
