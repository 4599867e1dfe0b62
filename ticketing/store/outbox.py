"""What has to be told, written with the deed itself. How and when it is sent is not known here."""

from collections.abc import Mapping

from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from ticketing.store.schema_sales import outbox

ORGANISER = "organiser"  # a role: whoever sends knows the address
PART_DUE = "order.part_due"
TICKETS = "order.confirmation"  # a purpose that waits for the documents it brings
VOUCHERS = "voucher.ready"
GUEST_TICKET = "ticket.ready"  # a purpose that lets all others go first
BATCH = "batch.finished"
ALERTS = "alerts"  # to the organiser, of no event


def add(
    connection: Connection,
    *,
    event_id: int | None,
    purpose: str,
    subject: str,
    recipient: str,
    payload: Mapping[str, object],
    revision: int = 1,
) -> None:
    """One message for one recipient on one purpose; one that stands there already is left."""
    statement = insert(outbox).values(
        event_id=event_id,
        purpose=purpose,
        subject=subject,
        recipient=recipient,
        revision=revision,
        payload=dict(payload),
    )
    connection.execute(statement.on_conflict_do_nothing())
