"""The outbox: messages written in the transaction that causes them, and sent later."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.outbox import outbox

ORGANISER = "organiser"  # a role; the sender knows the address
INSTALMENT_DUE = "order.instalment_due"
ORDER_CONFIRMATION = "order.confirmation"  # waits for the documents to attach
GUEST_TICKET = "order.guest_ticket"  # to a guest with an own address; waits like the confirmation
VOUCHERS_READY = "voucher.ready"
TICKET_READY = "ticket.ready"  # bulk: all other purposes are sent first
BATCH_FINISHED = "batch.finished"
TICKETS_SENT = "tickets.sent"  # waits for all tickets of a campaign; subject: the plan's hash
EXPORT_READY = "export.ready"
ALERTS = "alerts"  # to the organiser, without an event


def enqueue(
    connection: Connection,
    *,
    event_id: int | None,
    purpose: str,
    subject: str,
    recipient: str,
    payload: Mapping[str, object],
    revision: int = 1,
) -> bool:
    """Store a message, unique by purpose, subject, recipient and revision. False if it exists."""
    statement = insert(outbox).values(
        event_id=event_id,
        purpose=purpose,
        subject=subject,
        recipient=recipient,
        revision=revision,
        payload=dict(payload),
    )
    added = statement.on_conflict_do_nothing().returning(outbox.c.id)
    return connection.execute(added).first() is not None


def count_messages(connection: Connection, *, purpose: str, subject: str) -> int:
    """Return how many messages of this purpose there are about a subject, sent or not."""
    query = select(func.count()).where(outbox.c.purpose == purpose, outbox.c.subject == subject)
    return connection.execute(query).scalar_one()


def next_revision(connection: Connection, *, purpose: str, subject: str, recipient: str) -> int:
    """Return the revision of another message of this kind; the caller has locked the subject."""
    latest = select(func.coalesce(func.max(outbox.c.revision), 0)).where(
        outbox.c.purpose == purpose, outbox.c.subject == subject, outbox.c.recipient == recipient
    )
    return int(connection.execute(latest).scalar_one()) + 1
