"""Queries that turn messages of the outbox into deliveries, once each.

The outbox names one address of a recipient. Others are known if it belongs to an order's buyer or
a roster's guest, and only if that person has the named address as well.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    exists,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from ticketing.notifications.campaigns import queries as campaign_queries
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.outbox import (
    GUEST_TICKET,
    NO_FALLBACK,
    ORDER_CONFIRMATION,
    ORGANISER,
    ORGANISER_REPORTS,
    TICKET_READY,
)
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import order_lines, order_positions, orders
from ticketing.platform.db.tables.outbox import message_order_code, outbox
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.model import TicketState


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message of the outbox and the addresses of its recipient."""

    id: int
    event_id: int | None
    purpose: str
    recipient: str = field(repr=False)
    other_addresses: tuple[str, ...] = field(default=(), repr=False)

    @property
    def addresses(self) -> dict[Channel, str]:
        """Address by channel; the one that the message names takes precedence."""
        found: dict[Channel, str] = {}
        for address in (self.recipient, *self.other_addresses):
            channel = channel_for_address(address)
            if channel is not None:
                found.setdefault(channel, address)
        return found


def channel_for_address(address: str) -> Channel | None:
    """Return the channel of an address, or None."""
    if "@" in address:
        return Channel.MAIL
    return Channel.WHATSAPP if address.startswith("+") else None


def select_messages() -> Select[Any]:
    """Return the query for outbox messages that `message_from_row` reads."""
    is_buyer = and_(
        outbox.c.recipient.in_((orders.c.buyer_email, orders.c.buyer_phone)),
        not_(outbox.c.payload.has_key(NO_FALLBACK)),
    )
    is_guest = outbox.c.recipient.in_((guests.c.email, guests.c.phone))
    ticket = and_(
        outbox.c.purpose == TICKET_READY, generated_tickets.c.ticket_code == outbox.c.subject
    )
    return (
        select(
            outbox.c.id,
            outbox.c.event_id,
            outbox.c.purpose,
            outbox.c.recipient,
            case((is_buyer, orders.c.buyer_email), (is_guest, guests.c.email), else_=""),
            case((is_buyer, orders.c.buyer_phone), (is_guest, guests.c.phone), else_=""),
        )
        .outerjoin(orders, orders.c.code == message_order_code)
        .outerjoin(generated_tickets, ticket)
        .outerjoin(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .outerjoin(guests, guests.c.id == entitlements.c.guest_id)
    )


def message_from_row(row: Sequence[Any]) -> OutboxMessage:
    """Return the message of a row of `select_messages`."""
    number, event_id, purpose, recipient, mail, phone = row
    return OutboxMessage(number, event_id, purpose, recipient, tuple(filter(None, (mail, phone))))


def find_message_of_delivery(
    connection: Connection, delivery_id: int
) -> tuple[OutboxMessage, dict[Channel, str]] | None:
    """Return a delivery's message and the channels tried so far; None if there is no message."""
    one = select(deliveries.c.outbox_id).where(deliveries.c.id == delivery_id)
    row = connection.execute(
        select_messages().where(outbox.c.id == one.scalar_subquery())
    ).one_or_none()
    if row is None:
        return None
    query = select(deliveries.c.channel, deliveries.c.address).where(
        deliveries.c.outbox_id == row[0]
    )
    tried = {Channel(channel): address for channel, address in connection.execute(query)}
    return message_from_row(row), tried


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to insert; with a `failure` it is inserted as failed."""

    outbox_id: int
    event_id: int | None
    channel: Channel
    address: str = field(repr=False)
    is_bulk: bool = False  # sent after all others
    failure: str = ""


_WAITING_FOR_TICKETS = (ORDER_CONFIRMATION, GUEST_TICKET)


def claim_messages(
    connection: Connection, *, organiser_channels: Collection[Channel], limit: int
) -> list[OutboxMessage]:
    """Lock messages that can be sent, oldest first, tickets of campaigns last.

    Messages to the organiser wait for an address, and reports to the organiser for one of mail;
    tickets for the printing of their whole order, and the report of a campaign for its end.
    """
    query = (
        select_messages()
        .where(_is_claimable(organiser_channels))
        .order_by(outbox.c.purpose == TICKET_READY, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=outbox)
    )
    return [message_from_row(row) for row in connection.execute(query)]


def _is_claimable(organiser_channels: Collection[Channel]) -> ColumnElement[bool]:
    condition = and_(
        outbox.c.processed_at.is_(None),
        or_(outbox.c.purpose.not_in(_WAITING_FOR_TICKETS), not_(_has_unprinted_ticket())),
        not_(campaign_queries.is_campaign_running()),
    )
    to_person = outbox.c.recipient != ORGANISER
    if Channel.MAIL in organiser_channels:
        return condition
    if Channel.WHATSAPP in organiser_channels:
        to_person = or_(to_person, outbox.c.purpose.not_in(ORGANISER_REPORTS))
    return and_(condition, to_person)


def _has_unprinted_ticket() -> ColumnElement[bool]:
    """Return the condition: a position of the order has no printed ticket yet.

    Of a guest's message only the position of the guest counts. A revoked ticket that nobody has
    replaced is not waited for.
    """
    ticket = exists().where(order_ticket_queries.counts_as_ticket())
    unprinted = ticket.where(
        generated_tickets.c.state == TicketState.LIVE, generated_tickets.c.generated_at.is_(None)
    )
    is_of_message = and_(
        order_lines.c.ticket_type_id == outbox.c.payload["ticket_type_id"].as_integer(),
        order_positions.c.number == outbox.c.payload["number"].as_integer(),
    )
    return (
        exists()
        .where(
            orders.c.code == outbox.c.subject,
            order_lines.c.order_id == orders.c.id,
            order_positions.c.order_line_id == order_lines.c.id,
            entitlements.c.id == order_positions.c.entitlement_id,
            entitlements.c.state == "entitled",
            or_(outbox.c.purpose != GUEST_TICKET, is_of_message),
            or_(not_(ticket), unprinted),
        )
        .correlate(outbox)
    )


def insert_deliveries(
    connection: Connection, new_deliveries: Sequence[NewDelivery], *, at: datetime
) -> None:
    """Insert deliveries and mark their messages as taken; existing deliveries stay unchanged."""
    if not new_deliveries:
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
            "next_attempt_at": None if each.failure else at,
            "completed_at": at if each.failure else None,
            "last_error": each.failure,
        }
        for each in new_deliveries
    ]
    connection.execute(insert(deliveries).on_conflict_do_nothing(), rows)
    taken = [each.outbox_id for each in new_deliveries]
    connection.execute(update(outbox).where(outbox.c.id.in_(taken)).values(processed_at=at))


def has_overdue_messages(
    connection: Connection, *, organiser_channels: Collection[Channel], since: datetime
) -> bool:
    """Return whether a message that can be sent is older than that time."""
    query = exists().where(_is_claimable(organiser_channels), outbox.c.created_at <= since)
    return connection.execute(select(query)).scalar_one()
