"""What a person has to decide about an order: raised once, visible until resolved."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.order import ReviewFlag
from ticketing.platform.db.tables.orders import order_review_flags, orders


@dataclass(frozen=True, slots=True)
class OpenReviewFlag:
    """One open question."""

    order_code: str
    flag: ReviewFlag
    message: str
    raised_at: datetime


def raise_flag(
    connection: Connection, order_id: int, flag: ReviewFlag, message: str, *, at: datetime
) -> None:
    """Raise it, or again with something new to say; the same said again changes nothing."""
    statement = insert(order_review_flags).values(
        order_id=order_id, flag=flag, message=message, raised_at=at
    )
    statement = statement.on_conflict_do_update(
        index_elements=[order_review_flags.c.order_id, order_review_flags.c.flag],
        set_={"message": message, "raised_at": at, "resolved_at": None},
        where=order_review_flags.c.message != message,
    )
    connection.execute(statement)


def resolve_flag(connection: Connection, order_id: int, flag: ReviewFlag, *, at: datetime) -> None:
    """Put the question to rest, if it was open."""
    connection.execute(
        update(order_review_flags)
        .where(
            order_review_flags.c.order_id == order_id,
            order_review_flags.c.flag == flag,
            order_review_flags.c.resolved_at.is_(None),
        )
        .values(resolved_at=at)
    )


def list_open(connection: Connection, event_id: int) -> list[OpenReviewFlag]:
    """The event's open questions, the oldest first."""
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
