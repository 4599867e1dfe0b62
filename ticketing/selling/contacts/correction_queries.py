"""Queries of corrected contacts: requests with their limits, and messages to repeat."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from ticketing.orders.buyer_contact import MAX_WRONG_CODES
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.outbox import TO_BUYER
from ticketing.platform.db.tables.orders import contact_corrections
from ticketing.platform.db.tables.outbox import message_order_code, outbox


@dataclass(frozen=True, slots=True)
class ContactCorrection:
    """A request to correct the contact of an order; the code was sent to the new contact."""

    id: int
    contact: str
    failed_count: int
    completed_at: datetime | None
    expires_at: datetime

    def closed_by(self, at: datetime) -> str:
        """Return why the code is not accepted any more; empty as long as it is."""
        if self.completed_at is not None:
            return "the contact was corrected meanwhile"
        if self.failed_count >= MAX_WRONG_CODES:
            return "too many wrong codes were entered"
        return "" if at < self.expires_at else "the code has expired"


_COLUMNS = columns_of(ContactCorrection, contact_corrections)


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of the outbox about an order, without its recipient."""

    purpose: str
    subject: str
    payload: dict[str, Any]


def lock_contact(connection: Connection, contact: str) -> None:
    """Let one transaction at a time count and store the requests for a contact.

    A lock of the order keeps requests for one order apart, but not those of several orders.
    """
    key = func.hashtextextended(f"requests for {contact}", 0)
    connection.execute(select(func.pg_advisory_xact_lock(key)))


def insert_correction(
    connection: Connection, order_id: int, contact: str, *, at: datetime, expires_at: datetime
) -> int:
    """Store a request; return its id."""
    statement = insert(contact_corrections).values(
        order_id=order_id, contact=contact, requested_at=at, expires_at=expires_at
    )
    return int(connection.execute(statement.returning(contact_corrections.c.id)).scalar_one())


def count_recent(
    connection: Connection, order_id: int, contact: str, *, since: datetime
) -> tuple[int, int]:
    """Return how many requests an order and a contact had since a time."""
    of_order = contact_corrections.c.order_id == order_id
    of_contact = contact_corrections.c.contact == contact
    query = select(func.count().filter(of_order), func.count().filter(of_contact)).where(
        or_(of_order, of_contact), contact_corrections.c.requested_at > since
    )
    by_order, by_contact = connection.execute(query).one()
    return by_order, by_contact


def find_newest(connection: Connection, order_id: int) -> ContactCorrection | None:
    """Return the newest request of an order: the only one whose code is accepted."""
    query = select(*_COLUMNS).where(contact_corrections.c.order_id == order_id)
    newest = query.order_by(contact_corrections.c.id.desc()).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    return None if row is None else ContactCorrection(**row)


def find_order_id(connection: Connection, correction_id: int) -> int | None:
    """Return the order of a request, None if its order was deleted."""
    query = select(contact_corrections.c.order_id).where(contact_corrections.c.id == correction_id)
    return connection.execute(query).scalar_one_or_none()


def record_wrong_code(connection: Connection, correction_id: int) -> None:
    """Count a wrong code."""
    _update(connection, correction_id, failed_count=contact_corrections.c.failed_count + 1)


def complete(connection: Connection, correction_id: int, *, at: datetime) -> None:
    """Record that the code of a request was entered: it confirms nothing a second time."""
    _update(connection, correction_id, completed_at=at)


def _update(connection: Connection, correction_id: int, **values: object) -> None:
    connection.execute(
        update(contact_corrections)
        .where(contact_corrections.c.id == correction_id)
        .values(**values)
    )


def withdraw_messages(
    connection: Connection, order_code: str, addresses: Sequence[str]
) -> list[SentMessage]:
    """Return the messages about an order to these addresses, each once, oldest first.

    Those without a delivery are marked as processed: they are not sent to these addresses.
    """
    is_theirs = _is_to(order_code, addresses)
    connection.execute(
        update(outbox)
        .where(is_theirs, outbox.c.processed_at.is_(None))
        .values(processed_at=func.now())
    )
    query = select(outbox.c.purpose, outbox.c.subject, outbox.c.payload).where(is_theirs)
    rows = connection.execute(query.order_by(outbox.c.id))
    newest = {(row.purpose, row.subject): SentMessage(*row) for row in rows}
    return list(newest.values())


def _is_to(order_code: str, addresses: Sequence[str]) -> ColumnElement[bool]:
    return and_(
        outbox.c.recipient.in_(addresses),
        outbox.c.purpose.in_(TO_BUYER),
        message_order_code == order_code,
    )
