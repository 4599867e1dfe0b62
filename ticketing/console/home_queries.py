"""Queries of the console's first page: what needs a person, and the last day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, select

from ticketing.checkin.model import Verdict
from ticketing.notifications.delivery import DeliveryState
from ticketing.notifications.inbound.process_webhooks import WHATSAPP_INBOX_SOURCES
from ticketing.orders.refund import RefundState
from ticketing.platform.db.inbox import InboxOutcome
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.checkins import checkins
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.operations import incidents
from ticketing.platform.db.tables.orders import order_review_flags, orders
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.roster import imports
from ticketing.platform.db.tables.tickets import batches, generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.tickets.batches.repair_queries import needs_attention as batches_need_attention
from ticketing.vouchers.model import UNPLACED_STATES

SLOW_NOTIFICATION = timedelta(minutes=5)
SLOW_VOUCHER = timedelta(minutes=10)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Attention:
    """Something that waits for a person: `key` names its words and its repair."""

    key: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class LastDay:
    """Counts of the last 24 hours."""

    paid_orders: int
    tickets: int
    deliveries: int
    check_ins: int


def list_attention(connection: Connection, *, at: datetime) -> Sequence[Attention]:
    """Return what waits for a person, without what is empty; the gravest first."""
    return [
        Attention(key, count, oldest)
        for key, since, condition in _conditions(at)
        for count, oldest in connection.execute(
            select(func.count(), func.min(since)).where(condition)
        )
        if count
    ]


def _conditions(
    at: datetime,
) -> Iterator[tuple[str, ColumnElement[datetime], ColumnElement[bool]]]:
    """Yield key, time and condition of what waits."""
    yield "flags", order_review_flags.c.raised_at, order_review_flags.c.resolved_at.is_(None)
    yield (
        "notifications",
        inbound_webhooks.c.received_at,
        and_(
            inbound_webhooks.c.processed_at.is_(None),
            inbound_webhooks.c.received_at < at - SLOW_NOTIFICATION,
        ),
    )
    undecided = and_(
        inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED,
        inbound_webhooks.c.provider.in_(WHATSAPP_INBOX_SOURCES),
    )
    yield "inbound", inbound_webhooks.c.received_at, undecided
    waiting = refunds.c.state.in_([RefundState.MANUAL, RefundState.FAILED])
    yield "refunds", refunds.c.requested_at, waiting
    unplaced = and_(
        vouchers.c.state.in_(UNPLACED_STATES), vouchers.c.allocated_at < at - SLOW_VOUCHER
    )
    yield "vouchers", vouchers.c.allocated_at, unplaced
    failed = and_(deliveries.c.state == DeliveryState.FAILED, deliveries.c.cancelled_at.is_(None))
    yield "deliveries", deliveries.c.queued_at, failed
    conflict = and_(checkins.c.verdict == Verdict.CONFLICT, checkins.c.received_at > at - 7 * DAY)
    yield "conflicts", checkins.c.received_at, conflict
    newest = (
        select(func.max(imports.c.id))
        .where(imports.c.event_id == events.c.id, imports.c.state == "completed")
        .correlate(events)
        .scalar_subquery()
    )
    of_future = select(newest).select_from(events).where(events.c.ends_at > at)
    rejected = and_(imports.c.id.in_(of_future), imports.c.rejected > 0)
    yield "rejected", imports.c.completed_at, rejected
    yield "incidents", incidents.c.first_seen_at, incidents.c.resolved_at.is_(None)
    yield "batches", batches.c.started_at, batches_need_attention()


def count_last_day(connection: Connection, *, at: datetime) -> LastDay:
    """Return the counts of the last 24 hours."""
    since = at - DAY
    return LastDay(
        _count(connection, and_(orders.c.paid_at > since, is_of_this_environment())),
        _count(connection, generated_tickets.c.issued_at > since),
        _count(
            connection,
            and_(
                deliveries.c.completed_at > since,
                deliveries.c.state.in_(
                    [DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ]
                ),
            ),
        ),
        _count(
            connection,
            and_(
                checkins.c.received_at > since,
                checkins.c.verdict == Verdict.ADMITTED,
                checkins.c.direction == "entry",
                checkins.c.undone_at.is_(None),
            ),
        ),
    )


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).where(condition)).scalar_one())
