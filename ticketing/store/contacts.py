"""By which addresses the person that a message is for can be reached.

The outbox names one of them. Another is known when it belongs to an order's buyer or to a guest of
the roster, and then only if that person also has the one that is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, and_, case, select

from ticketing.domain.deliveries import Channel
from ticketing.store.outbox import GUEST_TICKET
from ticketing.store.schema import attendees, generated_tickets, people
from ticketing.store.schema_deliveries import deliveries
from ticketing.store.schema_sales import orders, outbox


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of the outbox, and the ways to whom it is for."""

    id: int
    event_id: int | None
    purpose: str
    recipient: str = field(repr=False)
    others: tuple[str, ...] = field(default=(), repr=False)

    @property
    def addresses(self) -> dict[Channel, str]:
        """By channel, the one that the message names first."""
        found: dict[Channel, str] = {}
        for address in (self.recipient, *self.others):
            channel = channel_of(address)
            if channel is not None:
                found.setdefault(channel, address)
        return found


def channel_of(address: str) -> Channel | None:
    """Which channel an address is written for; None when it is none."""
    if "@" in address:
        return Channel.MAIL
    return Channel.WHATSAPP if address.startswith("+") else None


def messages() -> Select[Any]:
    """Messages of the outbox, as `waiting` reads them."""
    is_buyer = outbox.c.recipient.in_((orders.c.buyer_email, orders.c.buyer_phone))
    is_guest = outbox.c.recipient.in_((people.c.email, people.c.phone))
    ticket = and_(
        outbox.c.purpose == GUEST_TICKET, generated_tickets.c.ticket_code == outbox.c.subject
    )
    return (
        select(
            outbox.c.id,
            outbox.c.event_id,
            outbox.c.purpose,
            outbox.c.recipient,
            case((is_buyer, orders.c.buyer_email), (is_guest, people.c.email), else_=""),
            case((is_buyer, orders.c.buyer_phone), (is_guest, people.c.phone), else_=""),
        )
        .outerjoin(orders, orders.c.code == outbox.c.payload["order"].astext)
        .outerjoin(generated_tickets, ticket)
        .outerjoin(attendees, attendees.c.id == generated_tickets.c.attendee_id)
        .outerjoin(people, people.c.id == attendees.c.person_id)
    )


def waiting(row: Sequence[Any]) -> Waiting:
    """One row of `messages`."""
    number, event_id, purpose, recipient, mail, phone = row
    return Waiting(number, event_id, purpose, recipient, tuple(filter(None, (mail, phone))))


def of_delivery(
    connection: Connection, delivery_id: int
) -> tuple[Waiting, dict[Channel, str]] | None:
    """The message that a delivery carries, and by which channels it was tried; None without one."""
    one = select(deliveries.c.outbox_id).where(deliveries.c.id == delivery_id)
    row = connection.execute(messages().where(outbox.c.id == one.scalar_subquery())).one_or_none()
    if row is None:
        return None
    query = select(deliveries.c.channel, deliveries.c.address).where(
        deliveries.c.outbox_id == row[0]
    )
    tried = {Channel(channel): address for channel, address in connection.execute(query)}
    return waiting(row), tried
