"""The outbox: messages written in the transaction that causes them, and sent later."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.outbox import outbox

ORGANISER = "organiser"  # a role; the sender knows the address
ORDER_PLACED = "order.placed"
REFUND_TO_TRANSFER = "refund.to_transfer"  # to the organiser
ORDER_PAID = "order.paid"  # to the organiser
PAYMENT_RECEIVED = "order.payment_received"
ORDER_EXPIRED = "order.expired"
ORDER_REFUND, CANCELLATION_REFUND = "order.refund", "event.cancelled.refund"
EVENT_CANCELLED = "event.cancelled"
ORDER_REVERSED = "order.reversed"
INSTALMENTS_KEPT = "order.instalments_kept"
CONTACT_CODE = "order.contact_code"  # to a contact that is not the buyer's yet
ORDER_LINKS = "order.links"
WAITING_LIST_JOINED, WAITING_LIST_OFFER = "waiting_list.joined", "waiting_list.offer"
INSTALMENT_DUE = "order.instalment_due"
ORDER_CONFIRMATION = "order.confirmation"  # waits for the documents to attach
GUEST_TICKET = "order.guest_ticket"  # to a guest with an own address; waits like the confirmation
VOUCHERS_READY = "voucher.ready"
TICKET_READY = "ticket.ready"  # bulk: all other purposes are sent first
BATCH_FINISHED = "batch.finished"
TICKETS_SENT = "tickets.sent"  # waits for all tickets of a campaign; subject: the plan's hash
EXPORT_READY = "export.ready"
PAYMENT_STATEMENT = "payments.statement"  # to the organiser, without an event
ALERTS = "alerts"  # to the organiser, without an event
# to the organiser, by mail only; everything else to the organiser is an alert
ORGANISER_REPORTS = (
    ORDER_PAID, BATCH_FINISHED, TICKETS_SENT, EXPORT_READY, PAYMENT_STATEMENT,
)  # fmt: skip
# with tickets, codes or a link to the order: only to an address that is still the buyer's
GIVING_ACCESS = (
    ORDER_PLACED, PAYMENT_RECEIVED, ORDER_REFUND, CANCELLATION_REFUND, ORDER_CONFIRMATION,
    VOUCHERS_READY, WAITING_LIST_OFFER,
)  # fmt: skip
TO_BUYER = (
    *GIVING_ACCESS, ORDER_EXPIRED, EVENT_CANCELLED, ORDER_REVERSED, INSTALMENTS_KEPT,
    INSTALMENT_DUE,
)  # fmt: skip
NO_FALLBACK = "no_fallback"  # in a payload: the other address has a message of its own


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


def withdraw(connection: Connection, *, purpose: str, subject: str) -> None:
    """Mark the messages of a purpose about a subject as processed if no delivery exists yet."""
    connection.execute(
        update(outbox)
        .where(
            outbox.c.purpose == purpose,
            outbox.c.subject == subject,
            outbox.c.processed_at.is_(None),
        )
        .values(processed_at=func.now())
    )


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
