"""Queries for messages of rehearsals that wait to be sent: about orders and waiting entries."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Text, and_, cast, func, or_, select, update

from ticketing.notifications.delivery import DeliveryState
from ticketing.platform.db.outbox import WAITING_LIST_JOINED
from ticketing.platform.db.payment_environment import is_rehearsal
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.outbox import message_order_code, outbox
from ticketing.platform.db.tables.waiting_list import waiting_list_entries as entries

IS_WAITING = deliveries.c.next_attempt_at.is_not(None) & deliveries.c.state.in_(
    (DeliveryState.QUEUED, DeliveryState.ERROR)
)


def about_order(code: str) -> ColumnElement[bool]:
    """Return the condition: the message is about this order."""
    return message_order_code == code


def about_entry(entry_id: int) -> ColumnElement[bool]:
    """Return the condition: the message has the link of this entry of a waiting list."""
    return and_(outbox.c.purpose == WAITING_LIST_JOINED, outbox.c.subject == str(entry_id))


def count_waiting(connection: Connection, event_id: int, is_left: ColumnElement[bool]) -> int:
    """Count the waiting messages about orders of rehearsals and about the entries that are left."""
    codes = select(orders.c.code).where(orders.c.event_id == event_id, is_rehearsal())
    subjects = select(cast(entries.c.id, Text)).where(is_left)
    about = or_(
        message_order_code.in_(codes),
        and_(outbox.c.purpose == WAITING_LIST_JOINED, outbox.c.subject.in_(subjects)),
    )
    unsent = select(outbox.c.id).where(about, outbox.c.processed_at.is_(None))
    queued = (
        select(deliveries.c.id)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(about, IS_WAITING)
    )
    return sum(
        connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        for query in (unsent, queued)
    )


def discard_messages(connection: Connection, about: ColumnElement[bool], *, at: datetime) -> int:
    """Mark the waiting messages about something as processed, so that none is sent."""
    statement = update(outbox).where(about, outbox.c.processed_at.is_(None))
    return connection.execute(statement.values(processed_at=at)).rowcount


def list_waiting_deliveries(connection: Connection, about: ColumnElement[bool]) -> Sequence[int]:
    """Return the deliveries about something that wait to be sent, locked."""
    query = (
        select(deliveries.c.id)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(about, IS_WAITING)
        .order_by(deliveries.c.id)
        .with_for_update(of=deliveries)
    )
    return connection.execute(query).scalars().all()
