"""Queries for review flags: questions about an order that staff have to answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.events.model import LatePayments
from ticketing.orders.order import ReviewFlag
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import order_review_flags, orders


@dataclass(frozen=True, slots=True)
class OpenReviewFlag:
    """An unresolved review flag."""

    order_code: str
    flag: ReviewFlag
    message: str
    raised_at: datetime


def raise_flag(
    connection: Connection,
    order_id: int,
    flag: ReviewFlag,
    message: str,
    *,
    attempt_id: int | None = None,
    reopen: bool = True,
    at: datetime,
) -> None:
    """Raise a flag, or raise it again; an open one with the same message stays as it is.

    `attempt_id` is the payment that the flag is about, if it is about one. Without `reopen` a
    resolved flag stays resolved as long as its message is the same.
    """
    values = {"attempt_id": attempt_id, "message": message, "raised_at": at}
    statement = insert(order_review_flags).values(order_id=order_id, flag=flag, **values)
    is_new = order_review_flags.c.message != message
    if reopen:
        is_new |= order_review_flags.c.resolved_at.is_not(None)
    statement = statement.on_conflict_do_update(
        index_elements=[order_review_flags.c.order_id, order_review_flags.c.flag],
        set_=values | {"resolved_at": None},
        where=is_new,
    )
    connection.execute(statement)


def resolve_flag(connection: Connection, order_id: int, flag: ReviewFlag, *, at: datetime) -> None:
    """Mark a flag as resolved if it is open."""
    connection.execute(
        update(order_review_flags)
        .where(
            order_review_flags.c.order_id == order_id,
            order_review_flags.c.flag == flag,
            order_review_flags.c.resolved_at.is_(None),
        )
        .values(resolved_at=at)
    )


def is_open(connection: Connection, order_id: int, flag: ReviewFlag) -> bool:
    """Return whether a flag of an order is unresolved."""
    query = select(order_review_flags.c.order_id).where(
        order_review_flags.c.order_id == order_id,
        order_review_flags.c.flag == flag,
        order_review_flags.c.resolved_at.is_(None),
    )
    return connection.execute(query).first() is not None


def find_open_attempts(
    connection: Connection, order_id: int, flags: Sequence[ReviewFlag]
) -> dict[ReviewFlag, int | None]:
    """Return those of the flags that are open, each with the payment that it is about."""
    query = select(order_review_flags.c.flag, order_review_flags.c.attempt_id).where(
        order_review_flags.c.order_id == order_id,
        order_review_flags.c.flag.in_(flags),
        order_review_flags.c.resolved_at.is_(None),
    )
    return {ReviewFlag(flag): attempt_id for flag, attempt_id in connection.execute(query)}


def is_resolved(connection: Connection, order_id: int, flag: ReviewFlag, message: str) -> bool:
    """Return whether a flag was raised with exactly this message and is resolved."""
    query = select(order_review_flags.c.order_id).where(
        order_review_flags.c.order_id == order_id,
        order_review_flags.c.flag == flag,
        order_review_flags.c.message == message,
        order_review_flags.c.resolved_at.is_not(None),
    )
    return connection.execute(query).first() is not None


def list_open(connection: Connection, event_id: int) -> list[OpenReviewFlag]:
    """Return the open flags of an event, oldest first."""
    query = (
        select(
            orders.c.code,
            order_review_flags.c.flag,
            order_review_flags.c.message,
            order_review_flags.c.raised_at,
        )
        .join(orders, orders.c.id == order_review_flags.c.order_id)
        .where(orders.c.event_id == event_id, order_review_flags.c.resolved_at.is_(None))
        .order_by(
            order_review_flags.c.raised_at, order_review_flags.c.order_id, order_review_flags.c.flag
        )
    )
    return [
        OpenReviewFlag(code, ReviewFlag(flag), *rest)
        for code, flag, *rest in connection.execute(query)
    ]


def list_late_payments_to_refund(
    connection: Connection, flags: Sequence[ReviewFlag], *, after_id: int, limit: int
) -> list[int]:
    """Return orders with one of these open flags, of events that refund late payments, by id."""
    query = (
        select(orders.c.id)
        .distinct()
        .join(order_review_flags, order_review_flags.c.order_id == orders.c.id)
        .join(events, events.c.id == orders.c.event_id)
        .where(
            events.c.late_payments == LatePayments.REFUND,
            is_of_this_environment(),  # another gateway does not know its payments
            orders.c.payment_plan_id.is_(None),  # the plan decides about its instalments
            order_review_flags.c.flag.in_(flags),
            order_review_flags.c.resolved_at.is_(None),
            orders.c.id > after_id,
        )
        .order_by(orders.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())
