"""Queries for cancelled events."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.cancellation_queries import EventCancellation
from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.refunds import event_cancellations as table
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import PlanOutdated
from ticketing.tickets.model import TicketState

_HOLDS_PLACES = orders.c.state.in_((OrderState.PENDING, OrderState.PAID))
_WITH_MONEY = [one for one in AttemptState if one.has_taken_money]
_RETURNED = {AttemptState.REFUNDED, AttemptState.CHARGED_BACK, AttemptState.REVERSED}


def insert_cancellation(connection: Connection, cancellation: EventCancellation) -> None:
    """Store the decision; of two concurrent ones the second waits and is refused."""
    statement = insert(table).values(
        event_id=cancellation.event_id,
        plan_hash=cancellation.plan_hash,
        reason=cancellation.reason,
        fee_percent=cancellation.fee.percent,
        fee_each=cancellation.fee.each.amount,
        started_by=cancellation.started_by,
        started_at=cancellation.started_at,
    )
    begun = statement.on_conflict_do_nothing().returning(table.c.event_id)
    if connection.execute(begun).first() is None:
        raise PlanOutdated("the event was cancelled by another user at the same moment; reload")


def mark_ended(connection: Connection, event_id: int, *, at: datetime) -> None:
    """Record that nothing is left to do; a late payment can add work again."""
    connection.execute(
        update(table)
        .where(table.c.event_id == event_id, table.c.completed_at.is_(None))
        .values(completed_at=at)
    )


def list_order_ids_to_end(
    connection: Connection, event_id: int, *, after_id: int = 0, limit: int
) -> list[int]:
    """Return orders with places or surplus payments, one page, ordered by id.

    Those of another payment environment are left out: this gateway does not know their payments.
    """
    query = (
        select(orders.c.id)
        .where(
            orders.c.event_id == event_id,
            orders.c.id > after_id,
            is_of_this_environment(),
            or_(_HOLDS_PLACES, _has_surplus(_WITH_MONEY)),
        )
        .order_by(orders.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def count_orders_elsewhere(connection: Connection, event_id: int) -> list[tuple[str, int]]:
    """Return how many orders with places or surplus payments other payment environments have."""
    query = (
        select(orders.c.environment, func.count())
        .where(
            orders.c.event_id == event_id,
            not_(is_of_this_environment()),
            or_(_HOLDS_PLACES, _has_surplus(set(_WITH_MONEY) - _RETURNED)),
        )
        .group_by(orders.c.environment)
        .order_by(orders.c.environment)
    )
    return [(environment, number) for environment, number in connection.execute(query)]


def _has_surplus(states: Collection[AttemptState]) -> ColumnElement[bool]:
    """Return the condition: a payment in one of the states did not complete the order."""
    return exists().where(
        payment_attempts.c.order_id == orders.c.id,
        payment_attempts.c.id.is_distinct_from(orders.c.paid_attempt_id),
        payment_attempts.c.state.in_(states),
    )


def count_live_tickets(connection: Connection, event_id: int) -> tuple[int, int]:
    """Return the number of live tickets of an event, and the id of the newest."""
    query = select(func.count(), func.coalesce(func.max(generated_tickets.c.id), 0)).where(
        generated_tickets.c.event_id == event_id, generated_tickets.c.state == TicketState.LIVE
    )
    count, newest = connection.execute(query).one()
    return int(count), int(newest)
