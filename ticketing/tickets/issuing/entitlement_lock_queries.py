"""Locks on entitlements while tickets are written, always in id order to prevent deadlocks.

Every writer of a ticket locks its entitlement first; data read after that cannot change.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, Select, and_, any_, literal, select, text

from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.eligibility_queries import ELIGIBLE, ID_ARRAY, eligible_without_ticket
from ticketing.tickets.model import TicketState
from ticketing.tickets.use_queries import was_used


class Recipient(NamedTuple):
    """An entitlement and its guest to create a ticket for."""

    entitlement_id: int
    guest_id: int


class HeldTicket(NamedTuple):
    """A live ticket of an eligible person, and whether it was delivered and used."""

    recipient: Recipient
    ticket_id: int
    is_delivered: bool
    is_used: bool


class RecipientPage(NamedTuple):
    """A page of recipients, and the last id examined (None at the end of the list)."""

    recipients: list[Recipient]
    last_attendee_id: int | None


def lock_missing(connection: Connection, event_id: int, *, after: int, count: int) -> RecipientPage:
    """Lock and return the next people without a ticket, except those locked by another issuer."""
    # right after an import the statistics are outdated, and sorting the rest of the list per chunk
    # looks cheap (20 ms at 50,000 people, and growing); without sorting the index is used
    connection.execute(text("SET LOCAL enable_sort = off"))
    query = (
        select(entitlements.c.id, entitlements.c.guest_id)
        .where(eligible_without_ticket(event_id), entitlements.c.id > after)
        .order_by(entitlements.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    )
    candidates = [Recipient(*row) for row in connection.execute(query)]
    # another issuer may have served some of them between the snapshot and the locks
    served = _ids_with_live_ticket(
        connection, [recipient.entitlement_id for recipient in candidates]
    )
    return RecipientPage(
        [recipient for recipient in candidates if recipient.entitlement_id not in served],
        candidates[-1].entitlement_id if candidates else None,
    )


def _ids_with_live_ticket(connection: Connection, entitlement_ids: Sequence[int]) -> set[int]:
    query = select(generated_tickets.c.entitlement_id).where(
        generated_tickets.c.entitlement_id == any_(literal(entitlement_ids, ID_ARRAY)),
        generated_tickets.c.state == TicketState.LIVE,
    )
    return set(connection.execute(query).scalars())


def lock_guests(connection: Connection, event_id: int, guest_ids: Sequence[int]) -> None:
    """Lock the entitlements of these guests against other issuers, waiting if necessary."""
    query = (
        select(entitlements.c.id)
        .where(
            entitlements.c.event_id == event_id,
            entitlements.c.guest_id == any_(literal(guest_ids, ID_ARRAY)),
        )
        .order_by(entitlements.c.id)
        .with_for_update()
    )
    connection.execute(query).all()


def iter_held_tickets(
    connection: Connection, event_id: int, guest_ids: Sequence[int] | None
) -> Iterator[HeldTicket]:
    """Yield the live tickets of all eligible people, or of these guests, streamed."""
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
    """Lock and return the next of these tickets, up to the id `up_to_ticket`."""
    query = (
        _select_held_tickets(event_id, guest_ids)
        .where(entitlements.c.id > after, generated_tickets.c.id <= up_to_ticket)
        .limit(count)
        .with_for_update()
    )
    return [_held_ticket_from_row(row) for row in connection.execute(query)]


def lock_held_tickets_of_guests(
    connection: Connection, event_id: int, guest_ids: Sequence[int]
) -> list[HeldTicket]:
    """Lock and return the live tickets of these guests."""
    query = _select_held_tickets(event_id, guest_ids).with_for_update()
    return [_held_ticket_from_row(row) for row in connection.execute(query)]


def _select_held_tickets(
    event_id: int, guest_ids: Sequence[int] | None
) -> Select[int, int, int, bool, bool]:
    holds = and_(
        generated_tickets.c.entitlement_id == entitlements.c.id,
        generated_tickets.c.state == TicketState.LIVE,
    )
    query = (
        select(
            entitlements.c.id,
            entitlements.c.guest_id,
            generated_tickets.c.id,
            generated_tickets.c.delivered_at.is_not(None),
            was_used(entitlements.c.id),
        )
        .select_from(entitlements.join(generated_tickets, holds))
        .where(entitlements.c.event_id == event_id, ELIGIBLE)
        .order_by(entitlements.c.id)
    )
    if guest_ids is None:
        return query
    return query.where(entitlements.c.guest_id == any_(literal(guest_ids, ID_ARRAY)))


def _held_ticket_from_row(row: Row[int, int, int, bool, bool]) -> HeldTicket:
    entitlement_id, guest_id, ticket_id, delivered, used = row
    return HeldTicket(Recipient(entitlement_id, guest_id), ticket_id, delivered, used)
