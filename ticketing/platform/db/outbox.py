"""What has to be told, written with the deed itself. How and when it is sent is not known here."""

from collections.abc import Mapping

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.outbox import outbox

ORGANISER = "organiser"  # a role: whoever sends knows the address
INSTALMENT_DUE = "order.instalment_due"
ORDER_CONFIRMATION = "order.confirmation"  # a purpose that waits for the documents it brings
VOUCHERS_READY = "voucher.ready"
TICKET_READY = "ticket.ready"  # a purpose that lets all others go first
BATCH_FINISHED = "batch.finished"
TICKETS_SENT = (
    "tickets.sent"  # a purpose that waits for all the tickets of a plan; its subject names it
)
EXPORT_READY = "export.ready"
ALERTS = "alerts"  # to the organiser, of no event


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
    """One message for one recipient on one purpose; False when it stands there already."""
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
