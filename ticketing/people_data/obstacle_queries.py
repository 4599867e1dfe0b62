"""What stands against an erasure now: unfinished sales, messages under way, tickets to come."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import RefundState
from ticketing.people_data import records_queries
from ticketing.people_data.person import Person
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import (
    order_lines,
    order_positions,
    order_review_flags,
    orders,
)
from ticketing.platform.db.tables.payments import order_instalments, payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState

_OUTSTANDING = [state for state in RefundState if state.is_outstanding]


def list_obstacles(
    connection: Connection, person: Person, *, revoke_tickets: bool, at: datetime
) -> list[str]:
    """Return why the person cannot be erased now, each with the way out; empty if it can."""
    found = [
        *_unfinished_orders(connection, person),
        *_tickets_of_others(connection, person, at),
        *_messages_under_way(connection, person),
    ]
    if not revoke_tickets:
        found += _tickets_to_come(connection, person, at)
    return found


def list_live_tickets(connection: Connection, person: Person, *, at: datetime) -> list[int]:
    """Return the live tickets of a person for events that are not over."""
    query = select(generated_tickets.c.id).where(_is_live_and_to_come(at), _is_of(person))
    return list(connection.execute(query.order_by(generated_tickets.c.id)).scalars())


def hold_places(connection: Connection, person: Person, *, reason: str, at: datetime) -> None:
    """Let no new ticket be issued for the places of a person at events that are not over."""
    to_come = select(events.c.id).where(events.c.ends_at > at)
    connection.execute(
        entitlements.update()
        .where(entitlements.c.guest_id.in_(person.guest_ids), entitlements.c.event_id.in_(to_come))
        .values(hold_reason=reason, duplicate_of=None, updated_at=at)
    )


def lock_records(connection: Connection, person: Person) -> None:
    """Lock the guests and orders of a person, in the order in which others lock them."""
    for table, ids in ((orders, person.order_ids), (guests, person.guest_ids)):
        query = select(table.c.id).where(table.c.id.in_(ids)).order_by(table.c.id)
        connection.execute(query.with_for_update()).all()


def list_events(connection: Connection, person: Person) -> list[int]:
    """Return the events whose guests would be erased, in order."""
    query = select(guests.c.event_id).where(guests.c.id.in_(person.guest_ids)).distinct()
    return sorted(connection.execute(query).scalars())


def is_payable() -> ColumnElement[bool]:
    """Return the condition: the gateway has started the payment, or its page may be open."""
    page_is_open = and_(
        payment_attempts.c.state == AttemptState.CREATED,
        payment_attempts.c.checkout_token != "",
        payment_attempts.c.checkout_closed_at.is_(None),
    )
    started = [state for state in AttemptState if state.is_open and not state.is_unused]
    return or_(payment_attempts.c.state.in_(started), page_is_open)


def _is_of(person: Person) -> ColumnElement[bool]:
    return generated_tickets.c.guest_id.in_(person.guest_ids)


def _is_live_and_to_come(at: datetime) -> ColumnElement[bool]:
    return and_(
        generated_tickets.c.state == TicketState.LIVE,
        generated_tickets.c.event_id.in_(select(events.c.id).where(events.c.ends_at > at)),
    )


def _unfinished_orders(connection: Connection, person: Person) -> Iterator[str]:
    of_person = orders.c.id.in_(person.order_ids)
    for table, condition, what in (
        (None, orders.c.state == OrderState.PENDING,
         "waits for its payment; cancel it, or wait until it expires"),
        (payment_attempts, is_payable(),
         "has a payment that may still arrive; wait for its result"),
        (order_instalments, and_(order_instalments.c.paid_at.is_(None),
                                 orders.c.state == OrderState.PAID),
         "has instalments to pay; wait for them, or cancel the order"),
        (refunds, refunds.c.state.in_(_OUTSTANDING),
         "has an open refund; finish it, see `ticketing refunds list`"),
        (order_review_flags, order_review_flags.c.resolved_at.is_(None),
         "has an open question; answer it with `ticketing orders resolve`"),
    ):  # fmt: skip
        query: Select[str] = select(orders.c.code).where(of_person, condition).distinct()
        if table is not None:
            query = query.join(table, table.c.order_id == orders.c.id)
        for code in connection.execute(query.order_by(orders.c.code)).scalars():
            yield f"order {code} {what}"


def _tickets_to_come(connection: Connection, person: Person, at: datetime) -> Iterator[str]:
    query = (
        select(events.c.slug, func.count())
        .join(generated_tickets, generated_tickets.c.event_id == events.c.id)
        .where(_is_live_and_to_come(at), _is_of(person))
        .group_by(events.c.slug)
        .order_by(events.c.slug)
    )
    for slug, number in connection.execute(query):
        yield (
            f"{number:,} live tickets of {slug}, which is not over; wait for its end,"
            " or revoke them with --revoke-tickets (`revokeTickets`)"
        )


def _tickets_of_others(connection: Connection, person: Person, at: datetime) -> Iterator[str]:
    """Yield the orders that other people still need: their buyer is reached through them."""
    query = (
        select(orders.c.code)
        .join(order_lines, order_lines.c.order_id == orders.c.id)
        .join(order_positions, order_positions.c.order_line_id == order_lines.c.id)
        .join(
            generated_tickets,
            generated_tickets.c.entitlement_id == order_positions.c.entitlement_id,
        )
        .where(orders.c.id.in_(person.order_ids), _is_live_and_to_come(at), ~_is_of(person))
        .distinct()
    )
    for code in connection.execute(query.order_by(orders.c.code)).scalars():
        yield (
            f"order {code} has live tickets of other guests for an event that is not over; wait for"
            " its end, or give it the contact of another buyer with `orders correct-contact`"
        )


def _messages_under_way(connection: Connection, person: Person) -> Iterator[str]:
    messages = records_queries.messages_query(person)
    sending = select(deliveries.c.id).where(
        deliveries.c.outbox_id.in_(messages), deliveries.c.state == DeliveryState.CLAIMED
    )
    for delivery_id in connection.execute(sending.order_by(deliveries.c.id)).scalars():
        yield f"message {delivery_id} is being sent; try again in a minute"
    attempts = payment_attempts.c.order_id.in_(person.order_ids)
    unread = select(inbound_webhooks.c.id).where(
        inbound_webhooks.c.processed_at.is_(None),
        or_(
            inbound_webhooks.c.external_reference.in_(
                select(payment_attempts.c.key).where(attempts)
            ),
            inbound_webhooks.c.external_reference.in_(
                select(payment_attempts.c.transaction_id).where(attempts)
            ),
        ),
    )
    for number in connection.execute(unread.order_by(inbound_webhooks.c.id)).scalars():
        yield f"notification {number} of the gateway is not processed yet; start the worker"
