"""The outbox: messages written in the transaction that causes them, and sent later."""

from collections.abc import Mapping

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.sales import outbox

ORGANISER = "organiser"  # a role; the sender knows the address
INSTALMENT_DUE = "order.part_due"
ORDER_CONFIRMATION = "order.confirmation"  # waits for the documents to attach
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
