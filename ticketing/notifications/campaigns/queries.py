"""Queries for campaigns: unsent roster tickets, progress of a campaign, opt-outs.

The messages of a campaign carry the hash of its plan.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from ticketing.notifications.campaigns.sending_rule import Audience
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.platform.db.outbox import TICKET_READY, TICKETS_SENT
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.notifications import deliveries, opt_outs
from ticketing.platform.db.tables.orders import order_lines, order_positions, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState
from ticketing.tickets.order_ticket_queries import TICKET_FILE_COLUMNS, OrderTicketFile

_ticket_messages = outbox.alias("tickets")


def _belongs_to_plan(plan_hash: ColumnElement[str]) -> ColumnElement[bool]:
    return and_(
        _ticket_messages.c.purpose == TICKET_READY,
        _ticket_messages.c.payload["plan"].astext == plan_hash,
    )


def is_campaign_running() -> ColumnElement[bool]:
    """Return the condition: the outbox row is the report of a campaign that still runs."""
    untaken = select(_ticket_messages.c.id).where(_ticket_messages.c.processed_at.is_(None))
    under_way = (
        select(_ticket_messages.c.id)
        .join(deliveries, deliveries.c.outbox_id == _ticket_messages.c.id)
        .where(
            or_(
                deliveries.c.next_attempt_at.is_not(None),
                deliveries.c.state == DeliveryState.CLAIMED,
            )
        )
    )
    # LIMIT stops at the first ticket found; EXISTS materialises all of them
    still = [
        query.where(_belongs_to_plan(outbox.c.subject))
        .limit(1)
        .correlate(outbox)
        .scalar_subquery()
        .is_not(None)
        for query in (untaken, under_way)
    ]
    return and_(outbox.c.purpose == TICKETS_SENT, or_(*still))


def count_deliveries_by_state(
    connection: Connection, event_id: int, plan_hash: str
) -> Counter[DeliveryState]:
    """Count a campaign's tickets by state; after a fallback the last delivery counts."""
    query = (
        select(deliveries.c.state)
        .ext(distinct_on(deliveries.c.outbox_id))
        .join(_ticket_messages, _ticket_messages.c.id == deliveries.c.outbox_id)
        .where(deliveries.c.event_id == event_id, _belongs_to_plan(literal(plan_hash)))
        .order_by(deliveries.c.outbox_id, deliveries.c.id.desc())
    )
    return Counter(DeliveryState(state) for state in connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class GuestTicket:
    """A printed ticket that was not yet sent to its guest, and the guest's addresses."""

    ticket_code: str
    guest_id: int
    mail: str = field(repr=False)
    phone: str = field(repr=False)
    opted_out: bool  # by either address

    def address(self, channel: Channel) -> str:
        """Return the guest's address for a channel, or an empty string."""
        return {Channel.MAIL: self.mail, Channel.WHATSAPP: self.phone}.get(channel, "")


def list_tickets(connection: Connection, event_id: int, audience: Audience) -> list[GuestTicket]:
    """Return the live, printed roster tickets of an audience, ordered by code."""
    query = (
        select(
            generated_tickets.c.ticket_code,
            guests.c.id,
            guests.c.email,
            guests.c.phone,
            or_(_is_opted_out(guests.c.email), _is_opted_out(guests.c.phone)),
        )
        .select_from(generated_tickets)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.generated_at.is_not(None),
            _IS_VALID,
            entitlements.c.source == "roster",
            *_conditions(audience),
        )
        .order_by(generated_tickets.c.ticket_code)
    )
    return [GuestTicket(*row) for row in connection.execute(query)]


def _conditions(audience: Audience) -> list[ColumnElement[bool]]:
    """Return the conditions for an audience; a message to an address of another person is none."""
    is_message = and_(
        outbox.c.purpose == TICKET_READY,
        outbox.c.subject == generated_tickets.c.ticket_code,
        outbox.c.recipient.in_((guests.c.email, guests.c.phone)),
    )
    match audience:
        case Audience.UNSENT:
            return [not_(exists().where(is_message))]
        case Audience.UNOPENED:
            return [generated_tickets.c.opened_at.is_(None)]
        case Audience.UNDELIVERED:
            accepted = deliveries.c.state.in_(_ACCEPTED_STATES)
            is_delivery = and_(deliveries.c.outbox_id == outbox.c.id, accepted)
            return [not_(exists().where(is_message, is_delivery))]
    return []


_ACCEPTED_STATES = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ)
_IS_VALID = and_(generated_tickets.c.state == TicketState.LIVE, entitlements.c.state == "entitled")


def _is_opted_out(address: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(opt_outs.c.address == func.lower(address))


def enqueue_ticket_messages(
    connection: Connection,
    event_id: int,
    tickets: Sequence[tuple[str, str]],
    *,
    revision: int,
    payload: Mapping[str, object],
) -> None:
    """Enqueue a message for each ticket code and address; existing messages stay unchanged."""
    rows = [
        {
            "event_id": event_id,
            "purpose": TICKET_READY,
            "subject": ticket_code,
            "recipient": address,
            "revision": revision,
            "payload": dict(payload),
        }
        for ticket_code, address in tickets
    ]
    if rows:
        connection.execute(upsert(outbox).on_conflict_do_nothing(), rows)


def find_ticket_file(
    connection: Connection, ticket_code: str, address: str
) -> OrderTicketFile | None:
    """Return the ticket with its holder's name; None if it is not valid or not theirs any more."""
    query = (
        select(
            *TICKET_FILE_COLUMNS,
            func.coalesce(func.nullif(guests.c.locale, ""), orders.c.locale, "").label(
                "guest_locale"
            ),
        )
        .select_from(generated_tickets)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .join(guests, guests.c.id == entitlements.c.guest_id)
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .outerjoin(order_positions, order_positions.c.entitlement_id == entitlements.c.id)
        .outerjoin(order_lines, order_lines.c.id == order_positions.c.order_line_id)
        .outerjoin(orders, orders.c.id == order_lines.c.order_id)
        .where(generated_tickets.c.ticket_code == ticket_code, _IS_VALID)
        .where(or_(func.lower(guests.c.email) == address.lower(), guests.c.phone == address))
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else OrderTicketFile(**row)


def has_opted_out(connection: Connection, address: str) -> bool:
    """Return whether the address gets no campaigns."""
    query = select(opt_outs.c.address).where(opt_outs.c.address == address.lower())
    return connection.execute(query).first() is not None


def insert_opt_out(connection: Connection, address: str, *, at: datetime) -> bool:
    """Store an opt-out from campaigns; return False if it is stored already."""
    query = (
        upsert(opt_outs).values(address=address.lower(), opted_out_at=at).on_conflict_do_nothing()
    )
    return connection.execute(query.returning(opt_outs.c.address)).first() is not None


def delete_opt_out(connection: Connection, address: str) -> bool:
    """Delete an opt-out; return False if there is none."""
    query = delete(opt_outs).where(opt_outs.c.address == address.lower())
    return connection.execute(query).rowcount == 1
