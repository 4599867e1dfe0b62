"""People locked while they get a ticket. Always in the order of their ids, so nobody deadlocks.

Everybody who writes a ticket locks its entitlement first; what is read after that is settled.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, and_, any_, literal, select, text

from ticketing.platform.db.tables.roster import attendees
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.eligibility_queries import ELIGIBLE, ID_ARRAY, eligible_without_ticket
from ticketing.tickets.model import TicketState


class Recipient(NamedTuple):
    """Somebody who is to get a ticket now."""

    attendee_id: int
    guest_id: int


class HeldTicket(NamedTuple):
    """An eligible person's live ticket, and whether it is in the person's hands."""

    recipient: Recipient
    ticket_id: int
    is_delivered: bool


class RecipientPage(NamedTuple):
    """A stretch of the list: who of it to serve, and where it ended (None: at the end)."""

    recipients: list[Recipient]
    last_attendee_id: int | None


def lock_missing(connection: Connection, event_id: int, *, after: int, count: int) -> RecipientPage:
    """The next people without a ticket; those whom another issuer holds are passed over."""
    # right after an import the statistics are old and sorting the rest of the list for every chunk
    # looks cheap (20 ms at 50,000 people, and growing); without sorting only the index is left
    connection.execute(text("SET LOCAL enable_sort = off"))
    query = (
        select(attendees.c.id, attendees.c.person_id)
        .where(eligible_without_ticket(event_id), attendees.c.id > after)
        .order_by(attendees.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    seen = [Recipient(*row) for row in connection.execute(query)]
    # another issuer may have served some of them between this query's snapshot and its locks
    served = _ids_with_live_ticket(connection, [recipient.attendee_id for recipient in seen])
    return RecipientPage(
        [recipient for recipient in seen if recipient.attendee_id not in served],
        seen[-1].attendee_id if seen else None,
    )


def _ids_with_live_ticket(connection: Connection, attendee_ids: Sequence[int]) -> set[int]:
    query = select(generated_tickets.c.attendee_id).where(
        generated_tickets.c.attendee_id == any_(literal(attendee_ids, ID_ARRAY)),
        generated_tickets.c.state == TicketState.LIVE,
    )
    return set(connection.execute(query).scalars())


def lock_guests(connection: Connection, event_id: int, guest_ids: Sequence[int]) -> None:
    """Wait for these people and keep every other issuer away from them."""
    query = (
        select(attendees.c.id)
        .where(
            attendees.c.event_id == event_id,
            attendees.c.person_id == any_(literal(guest_ids, ID_ARRAY)),
        )
        .order_by(attendees.c.id)
        .with_for_update()
    )
    connection.execute(query).all()


def iter_held_tickets(
    connection: Connection, event_id: int, guest_ids: Sequence[int] | None
) -> Iterator[HeldTicket]:
    """The live tickets of everyone eligible, or of these people, streamed."""
    rows = connection.execute(
        _select_held_tickets(event_id, guest_ids), execution_options={"yield_per": 2000}
    )
    return map(_held_ticket_from_row, rows)


def lock_held_tickets(
    connection: Connection,
    event_id: int,
    guest_ids: Sequence[int] | None,
    *,
    up_to_ticket: int,
    after: int,
    count: int,
) -> list[HeldTicket]:
    """The next of them, locked, of tickets not newer than `up_to_ticket`."""
    query = (
        _select_held_tickets(event_id, guest_ids)
        .where(attendees.c.id > after, generated_tickets.c.id <= up_to_ticket)
        .limit(count)
        .with_for_update()
    )
    return [_held_ticket_from_row(row) for row in connection.execute(query)]


def _select_held_tickets(
    event_id: int, guest_ids: Sequence[int] | None
) -> Select[int, int, int, bool]:
    holds = and_(
        generated_tickets.c.attendee_id == attendees.c.id,
        generated_tickets.c.state == TicketState.LIVE,
    )
    query = (
        select(
            attendees.c.id,
            attendees.c.person_id,
            generated_tickets.c.id,
            generated_tickets.c.delivered_at.is_not(None),
        )
        .select_from(attendees.join(generated_tickets, holds))
        .where(attendees.c.event_id == event_id, ELIGIBLE)
        .order_by(attendees.c.id)
    )
    if guest_ids is None:
        return query
    return query.where(attendees.c.person_id == any_(literal(guest_ids, ID_ARRAY)))


def _held_ticket_from_row(row: Row[int, int, int, bool]) -> HeldTicket:
    attendee_id, guest_id, ticket_id, delivered = row
    return HeldTicket(Recipient(attendee_id, guest_id), ticket_id, delivered)
