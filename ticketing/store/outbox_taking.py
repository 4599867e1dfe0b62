"""Messages of the outbox become deliveries, once each; which of them must wait stands here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.domain.deliveries import Channel, DeliveryState
from ticketing.domain.tickets import TicketState
from ticketing.store import blasts, contacts
from ticketing.store.contacts import Waiting
from ticketing.store.outbox import GUEST_TICKET, ORGANISER, TICKETS
from ticketing.store.schema import attendees, generated_tickets
from ticketing.store.schema_deliveries import deliveries
from ticketing.store.schema_sales import order_lines, order_places, orders, outbox


@dataclass(frozen=True, slots=True)
class New:
    """A delivery to be made; with a `failure` it stays undone, and says why."""

    outbox_id: int
    event_id: int | None
    channel: Channel
    address: str = field(repr=False)
    is_bulk: bool = False  # all others go first
    failure: str = ""


def waiting(connection: Connection, *, organiser: bool, limit: int) -> list[Waiting]:
    """Take hold of messages that can be sent, the oldest first, a roster's tickets last.

    The organiser's wait while nobody knows an address, tickets until all of an order are printed,
    the end of a sending plan until it has come.
    """
    query = (
        contacts.messages()
        .where(_can_be_taken(organiser=organiser))
        .order_by(outbox.c.purpose == GUEST_TICKET, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=outbox)
    )
    return [contacts.waiting(row) for row in connection.execute(query)]


def _can_be_taken(*, organiser: bool) -> ColumnElement[bool]:
    condition = and_(
        outbox.c.taken_at.is_(None),
        or_(outbox.c.purpose != TICKETS, not_(_lacks_a_document())),
        not_(blasts.goes_on()),
    )
    return condition if organiser else and_(condition, outbox.c.recipient != ORGANISER)


def _lacks_a_document() -> ColumnElement[bool]:
    """Whether a place of the order entitles somebody who has no printed ticket yet."""
    printed = exists().where(
        generated_tickets.c.attendee_id == attendees.c.id,
        generated_tickets.c.state == TicketState.LIVE,
        generated_tickets.c.generated_at.is_not(None),
    )
    return (
        exists()
        .where(
            orders.c.code == outbox.c.subject,
            order_lines.c.order_id == orders.c.id,
            order_places.c.order_line_id == order_lines.c.id,
            attendees.c.id == order_places.c.attendee_id,
            attendees.c.state == "entitled",
            not_(printed),
        )
        .correlate(outbox)
    )


def add(connection: Connection, new: Sequence[New], *, at: datetime) -> None:
    """Deliveries for messages, which count as taken from now on; those there are are left."""
    if not new:
        return
    rows = [
        {
            "outbox_id": each.outbox_id,
            "event_id": each.event_id,
            "channel": each.channel,
            "address": each.address,
            "is_bulk": each.is_bulk,
            "state": DeliveryState.FAILED if each.failure else DeliveryState.QUEUED,
            "queued_at": at,
            "next_try": None if each.failure else at,
            "ended_at": at if each.failure else None,
            "last_error": each.failure,
        }
        for each in new
    ]
    connection.execute(insert(deliveries).on_conflict_do_nothing(), rows)
    taken = [each.outbox_id for each in new]
    connection.execute(update(outbox).where(outbox.c.id.in_(taken)).values(taken_at=at))


def somebody_waits(connection: Connection, *, organiser: bool, since: datetime) -> bool:
    """Whether any message could be taken that is so old."""
    query = exists().where(_can_be_taken(organiser=organiser), outbox.c.created_at <= since)
    return connection.execute(select(query)).scalar_one()
