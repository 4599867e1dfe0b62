"""Queries for sending the orders of a contact again. The address is stored as a hash only."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from ticketing.orders import queries as order_queries
from ticketing.platform.db.outbox import ORDER_LINKS
from ticketing.platform.db.tables.orders import order_link_requests, orders
from ticketing.platform.db.tables.outbox import outbox

_RETENTION = timedelta(days=1)


def count_requests(connection: Connection, contact_sha256: bytes, *, since: datetime) -> int:
    """Return how many requests for a contact were stored since a time."""
    query = select(func.count()).where(
        order_link_requests.c.contact_sha256 == contact_sha256,
        order_link_requests.c.requested_at > since,
    )
    return connection.execute(query).scalar_one()


def insert_request(connection: Connection, contact_sha256: bytes, *, at: datetime) -> None:
    """Store a request, and delete those of former days."""
    connection.execute(
        delete(order_link_requests).where(order_link_requests.c.requested_at < at - _RETENTION)
    )
    connection.execute(
        insert(order_link_requests).values(contact_sha256=contact_sha256, requested_at=at)
    )


def enqueue_links_if_known(
    connection: Connection, event_id: int, subject: str, contact: str
) -> None:
    """Enqueue the message with the links of a contact's orders, if it has any in the event."""
    earlier = (
        select(func.coalesce(func.max(outbox.c.revision), 0) + 1)
        .where(
            outbox.c.purpose == ORDER_LINKS,
            outbox.c.subject == subject,
            outbox.c.recipient == contact,
        )
        .scalar_subquery()
    )
    known = (
        select(
            literal(event_id),
            literal(ORDER_LINKS),
            literal(subject),
            literal(contact),
            literal({}, JSONB),
            earlier,
        )
        .where(orders.c.event_id == event_id, order_queries.belongs_to(contact))
        .limit(1)
    )
    columns = ["event_id", "purpose", "subject", "recipient", "payload", "revision"]
    connection.execute(insert_or_leave(outbox).from_select(columns, known).on_conflict_do_nothing())
