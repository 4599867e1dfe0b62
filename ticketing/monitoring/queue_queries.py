"""Queries for metrics and health: queues, states and availability over all events."""

from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from ticketing.monitoring.schemas_dashboard import QueueDepthResponse
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.vouchers import routers, vouchers
from ticketing.vouchers.model import VoucherState


def count_voucher_queue(connection: Connection) -> QueueDepthResponse:
    """Count the vouchers that wait for a call to a router, and those with a call in progress."""
    is_in_progress = vouchers.c.state == VoucherState.PROVISIONING
    is_due = vouchers.c.state.in_((VoucherState.PENDING, VoucherState.REVOKING))
    query = select(func.count().filter(is_due), func.count().filter(is_in_progress)).where(
        or_(is_due, is_in_progress)  # matches the partial index
    )
    waiting, active = connection.execute(query).one()
    return QueueDepthResponse(waiting=waiting, active=active)


def count_delivery_queue(connection: Connection) -> QueueDepthResponse:
    """Count the messages to send, and those being sent."""
    untaken = select(func.count()).select_from(outbox).where(outbox.c.processed_at.is_(None))
    is_waiting = deliveries.c.next_attempt_at.is_not(None)
    is_claimed = deliveries.c.state == DeliveryState.CLAIMED
    query = select(
        untaken.scalar_subquery() + func.count().filter(and_(is_waiting, ~is_claimed)),
        func.count().filter(is_claimed),
    ).where(or_(is_waiting, is_claimed))
    waiting, active = connection.execute(query).one()
    return QueueDepthResponse(waiting=waiting, active=active)


def list_router_availability(connection: Connection) -> dict[str, bool]:
    """Return by router name whether the last call succeeded."""
    is_up = (routers.c.failure_count == 0).label("is_up")
    query = select(routers.c.name, is_up).where(routers.c.removed_at.is_(None))
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
