"""What gates ask: one ticket by its identity, and the list of the revoked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from ticketing.domain.tickets import TicketState
from ticketing.domain.verification import TicketAtTheGate
from ticketing.store.schema import attendees, events, generated_tickets, people, ticket_types


@dataclass(frozen=True, slots=True)
class KnownTicket:
    """A ticket that was issued, with what decides whether it passes."""

    seen: TicketAtTheGate
    event_id: int
    event_ends_at: datetime
    valid_from: datetime
    state: TicketState
    revoked_reason: str | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """A ticket that must not pass any more. `token_id` alone opens no door: it is not signed."""

    ticket_id: int
    ticket_code: str
    token_id: bytes
    revoked_at: datetime
    reason: str


def by_code(connection: Connection, ticket_code: str) -> KnownTicket | None:
    """The ticket of a code in its one spelling."""
    return _known(connection, generated_tickets.c.ticket_code == ticket_code)


def by_token_id(connection: Connection, token_id: bytes) -> KnownTicket | None:
    """The ticket of a token whose signature was found good."""
    return _known(connection, generated_tickets.c.token_id == token_id)


def _known(connection: Connection, is_it: ColumnElement[bool]) -> KnownTicket | None:
    query = (
        select(
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
            events.c.slug.label("event_slug"),
            generated_tickets.c.guest_id,
            people.c.full_name,
            ticket_types.c.name.label("ticket_type"),
            attendees.c.seat,
            generated_tickets.c.event_id,
            events.c.ends_at.label("event_ends_at"),
            generated_tickets.c.valid_from,
            generated_tickets.c.state,
            generated_tickets.c.revoked_reason,
        )
        .join(events, events.c.id == generated_tickets.c.event_id)
        .join(people, people.c.id == generated_tickets.c.guest_id)
        .join(attendees, attendees.c.id == generated_tickets.c.attendee_id)
        .join(ticket_types, ticket_types.c.id == attendees.c.ticket_type_id)
        .where(is_it)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    seen = TicketAtTheGate(**{name: row[name] for name in TicketAtTheGate.__slots__})
    return KnownTicket(
        seen=seen,
        event_id=row["event_id"],
        event_ends_at=row["event_ends_at"],
        valid_from=row["valid_from"],
        state=TicketState(row["state"]),
        revoked_reason=row["revoked_reason"],
    )


def revocations(connection: Connection, event_id: int) -> list[Revocation]:
    """Every revoked ticket of an event, in the order they were issued."""
    query = (
        select(
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
            generated_tickets.c.token_id,
            generated_tickets.c.revoked_at,
            generated_tickets.c.revoked_reason.label("reason"),
        )
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.REVOKED,
        )
        .order_by(generated_tickets.c.id)
    )
    return [Revocation(**row) for row in connection.execute(query).mappings()]
