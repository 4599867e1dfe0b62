"""Queries of retention: the rules, the events that are over, and the erasure of one class."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    union,
    update,
)

from ticketing.orders.order import OrderState
from ticketing.orders.refund import RefundState
from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.field_queries import FieldErasure
from ticketing.people_data.obstacle_queries import is_payable
from ticketing.people_data.retention import EndedEvent, RetentionRule
from ticketing.people_data.scrub import REDUCED_PREFIX, reduce_notification
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.notifications import deliveries, delivery_attempts
from ticketing.platform.db.tables.orders import (
    contact_corrections,
    order_guests,
    order_lines,
    order_review_flags,
    orders,
)
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.people import retention_rules
from ticketing.platform.db.tables.refunds import refunds

_OUTSTANDING = [state for state in RefundState if state.is_outstanding]


def list_rules(connection: Connection) -> list[RetentionRule]:
    """Return all rules: those of every event first, then by event."""
    query = (
        select(*retention_rules.c["field_class", "event_id", "days"], events.c.slug)
        .outerjoin(events, events.c.id == retention_rules.c.event_id)
        .order_by(retention_rules.c.event_id.asc().nulls_first(), retention_rules.c.field_class)
    )
    return [
        RetentionRule(FieldClass(row.field_class), row.event_id, row.days, row.slug or "")
        for row in connection.execute(query)
    ]


def replace_rule(connection: Connection, rule: RetentionRule, *, by: str, at: datetime) -> None:
    """Store a rule in place of the former one for the same class and event."""
    delete_rule(connection, rule.field_class, rule.event_id)
    connection.execute(
        insert(retention_rules).values(
            field_class=rule.field_class, event_id=rule.event_id, days=rule.days, set_by=by,
            set_at=at,
        )
    )  # fmt: skip


def delete_rule(connection: Connection, field_class: FieldClass, event_id: int | None) -> int:
    """Delete a rule; return 0 if there was none."""
    statement = delete(retention_rules).where(
        retention_rules.c.field_class == field_class,
        retention_rules.c.event_id.is_not_distinct_from(event_id),
    )
    return connection.execute(statement).rowcount


def list_ended_events(connection: Connection, *, at: datetime) -> list[EndedEvent]:
    """Return the events that are over, oldest first, with their unfinished orders."""
    unfinished = (
        select(func.count())
        .where(
            orders.c.event_id == events.c.id,
            or_(
                orders.c.state == OrderState.PENDING,
                orders.c.id.in_(
                    select(refunds.c.order_id).where(refunds.c.state.in_(_OUTSTANDING))
                ),
                orders.c.id.in_(select(payment_attempts.c.order_id).where(is_payable())),
                orders.c.id.in_(
                    select(order_review_flags.c.order_id).where(
                        order_review_flags.c.resolved_at.is_(None)
                    )
                ),
            ),
        )
        .scalar_subquery()
    )
    query = (
        select(events.c.id, events.c.slug, events.c.ends_at, unfinished)
        .where(events.c.ends_at < at)
        .order_by(events.c.ends_at, events.c.id)
    )
    return [EndedEvent(*row) for row in connection.execute(query)]


def count_fields(connection: Connection, erasure: FieldErasure, event_id: int) -> int:
    """Return the number of rows of an event in which the columns are filled."""
    condition = and_(_of_event(erasure.table, event_id), erasure.filled)
    query = select(func.count()).select_from(erasure.table).where(condition)
    return connection.execute(query).scalar_one()


def erase_fields(
    connection: Connection, erasure: FieldErasure, event_id: int, *, limit: int
) -> int:
    """Erase the columns in some rows of an event; return their number, 0 at the end.

    Rows that somebody else has locked are left for the next night.
    """
    table, key = erasure.table, tuple_(*erasure.table.primary_key)
    chosen = (
        select(*table.primary_key)
        .where(_of_event(table, event_id), erasure.filled)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = [tuple(row) for row in connection.execute(chosen)]
    if rows:
        connection.execute(update(table).where(key.in_(rows)).values(erasure.values))
    return len(rows)


def list_notifications(
    connection: Connection, event_id: int | None, *, before: datetime, limit: int
) -> Sequence[int]:
    """Return processed notifications that are not reduced: of an event, or of none, before a time.

    Those of no event are WhatsApp's, and those that match no payment.
    """
    attempts = select(payment_attempts.c.key, payment_attempts.c.transaction_id)
    if event_id is not None:
        attempts = attempts.join(orders, orders.c.id == payment_attempts.c.order_id).where(
            orders.c.event_id == event_id
        )
    names = attempts.subquery()
    known = inbound_webhooks.c.external_reference.in_(
        union(select(names.c.key), select(names.c.transaction_id))
    )
    of_event = (
        known if event_id is not None else and_(~known, inbound_webhooks.c.received_at < before)
    )
    start = func.substring(inbound_webhooks.c.body, 1, len(REDUCED_PREFIX))
    query = select(inbound_webhooks.c.id).where(
        inbound_webhooks.c.processed_at.is_not(None), start != REDUCED_PREFIX, of_event
    )
    return connection.execute(query.order_by(inbound_webhooks.c.id).limit(limit)).scalars().all()


def reduce_notifications(connection: Connection, ids: Sequence[int]) -> None:
    """Keep ids, states and amounts of these notifications only."""
    query = select(inbound_webhooks.c.id, inbound_webhooks.c.body).where(
        inbound_webhooks.c.id.in_(ids)
    )
    for number, body in connection.execute(query).all():
        connection.execute(
            update(inbound_webhooks)
            .where(inbound_webhooks.c.id == number)
            .values(body=reduce_notification(bytes(body)))
        )


def _of_event(table: Table, event_id: int) -> ColumnElement[bool]:
    """Return the condition on the rows of an event, by its orders where they have no event."""
    if "event_id" in table.c:
        return table.c.event_id == event_id
    of_event = select(orders.c.id).where(orders.c.event_id == event_id)
    if table is contact_corrections:
        return contact_corrections.c.order_id.in_(of_event)
    if table is order_guests:
        lines = select(order_lines.c.id).where(order_lines.c.order_id.in_(of_event))
        return order_guests.c.order_line_id.in_(lines)
    if table is delivery_attempts:
        sent = select(deliveries.c.id).where(deliveries.c.event_id == event_id)
        return delivery_attempts.c.delivery_id.in_(sent)
    raise ValueError(f"{table.name}: how its rows belong to an event is not known")
