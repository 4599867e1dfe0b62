"""Set the guests of an order's places: before payment, and afterwards as a transfer.

Before payment the guests are stored with the order. Once the places are granted, a change also
changes the name on the ticket: its PDF is rendered again with the same code, or, if the event says
so, the ticket gets a new code and the old one is revoked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.orders import audit, place_guest_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.orders.place_guest import (
    GuestContact,
    Place,
    PlaceGuest,
    check_places,
    guest_contact,
    list_places,
)
from ticketing.orders.place_guest_queries import GrantedPlace
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import (
    GuestChangesClosed,
    GuestNamesMissing,
    ImpossibleTransition,
    UnusableGuest,
)
from ticketing.roster.guests import guest_queries
from ticketing.selling.checkout.buyer_input import parse_guest
from ticketing.selling.checkout.place_order import complete_if_free
from ticketing.selling.payments.complete_order import enqueue_confirmation, enqueue_guest_ticket
from ticketing.tickets.issuing import entitlement_lock_queries, ticket_write_queries
from ticketing.tickets.issuing.renew import renew_tickets

# a free order must not be a way to send mails to strangers
MAX_MESSAGES_PER_PLACE = 5
_CHANGEABLE_STATES = {OrderState.PENDING, OrderState.PAID}


@dataclass(frozen=True, slots=True)
class GuestChange:
    """The actor and time of a change of guests; after the deadline only the office may make one."""

    by: str
    at: datetime
    is_office: bool = False


def set_order_guests(
    database: Database,
    keys: KeyRing,
    order_id: int,
    given: Sequence[PlaceGuest],
    change: GuestChange,
) -> Order:
    """Set the guests of some places, any number of times; all or none.

    Refuses unknown places, returned ones, ended orders, and buyers after the event's deadline or
    after many messages to guests.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        event = event_queries.get(connection, str(order.event_id))
        _check_allowed(order, event, change)
        quantities = place_guest_queries.list_quantities(connection, order.id)
        check_places(given, quantities)
        if not change.is_office:
            _refuse_many_messages(connection, order, sum(quantities.values()))
        place_guest_queries.store(connection, order.id, given)
        renamed = _rename_granted(connection, order, given, change)
        if event.transfer_renews_code:
            _renew(connection, order, event, renamed, keys=keys, change=change)
        # after the renewal: a revoked ticket keeps the path of its PDF, which retention deletes
        ticket_write_queries.discard_documents(connection, order.event_id, renamed)
        places = [f"{place.ticket_type_id}/{place.number}" for place in (g.place for g in given)]
        audit.record(
            connection, order, change.by, "orders.set_guests", items=len(given),
            details={"places": places, "renamed_tickets": len(renamed)},
        )  # fmt: skip
        return complete_if_free(connection, order, at=change.at, by=change.by)


def require_guest_names(connection: Connection, order: Order) -> None:
    """Refuse to continue while the event requires names that are missing."""
    missing = place_guest_queries.count_missing_names(connection, order.id)
    if missing:
        raise GuestNamesMissing(
            f"order {order.code}: {missing} places need a name before payment;"
            f" PUT /api/orders/{order.id}/guests sets them",
            missing=missing,
        )


def _check_allowed(order: Order, event: Event, change: GuestChange) -> None:
    if order.state not in _CHANGEABLE_STATES:
        raise ImpossibleTransition(
            f"order {order.code} is {order.state}; its guests cannot be changed"
        )
    if not change.is_office and change.at >= event.guest_changes_end:
        raise GuestChangesClosed(
            f"the guests of {event.slug} could be changed until"
            f" {event.guest_changes_end.isoformat()}; ask the organiser"
        )


def _refuse_many_messages(connection: Connection, order: Order, places: int) -> None:
    sent = outbox.count_messages(connection, purpose=outbox.GUEST_TICKET, subject=order.code)
    if sent >= MAX_MESSAGES_PER_PLACE * places:
        raise GuestChangesClosed(
            f"{sent} tickets of order {order.code} were sent to guests already;"
            " ask the organiser to change more"
        )


def _renew(
    connection: Connection,
    order: Order,
    event: Event,
    guest_ids: Sequence[int],
    *,
    keys: KeyRing,
    change: GuestChange,
) -> None:
    """Issue new tickets, and send all of the order to the buyer, who has the revoked ones."""
    renewed = renew_tickets(
        connection, event, guest_ids, keys=keys, at=change.at, by=change.by,
        batch_key=f"transfer {order.code} {change.at.isoformat()}",
        reason="the place was transferred to another name",
    )  # fmt: skip
    if renewed and order.buyer is not None:
        enqueue_confirmation(connection, order, order.buyer)


def _rename_granted(
    connection: Connection, order: Order, given: Sequence[PlaceGuest], change: GuestChange
) -> list[int]:
    """Change the granted ones of these places; return the guest ids that got another name."""
    granted = {
        place.place: place for place in place_guest_queries.list_granted(connection, order.id)
    }
    if not granted or order.buyer is None:
        return []
    changed = [(granted[guest.place], guest) for guest in given]
    guest_ids = [place.guest_id for place, _ in changed]
    entitlement_lock_queries.lock_guests(connection, order.event_id, guest_ids)
    for place, guest in changed:
        _require_entitled(order, place)
        contact = guest_contact(guest, order.buyer)
        place_guest_queries.update_guest(connection, place.guest_id, contact)
        _record_change(connection, order, place, contact, change)
        if (guest.name, guest.email) != (place.full_name, place.email):
            enqueue_guest_ticket(connection, order, guest)
    return [place.guest_id for place, guest in changed if guest.name != place.full_name]


def _require_entitled(order: Order, place: GrantedPlace) -> None:
    if not place.is_entitled:
        raise ImpossibleTransition(
            f"order {order.code}: place {place.place.number} of ticket type"
            f" {place.place.ticket_type_id} was refunded or cancelled; it has no guest any more"
        )


def _record_change(
    connection: Connection,
    order: Order,
    place: GrantedPlace,
    contact: GuestContact,
    change: GuestChange,
) -> None:
    """Add what changed to the history of the guest."""
    values = {
        "full_name": (place.full_name, contact.full_name),
        "email": (place.email, contact.email),
    }
    changes = {field: pair for field, pair in values.items() if pair[0] != pair[1]}
    guest_queries.record_changes(
        connection, order.event_id, place.guest_id, changes, by=change.by, at=change.at
    )


def find_place(database: Database, code: str, number: int) -> tuple[Order, Place]:
    """Return an order and its place at a position, counted from 1 over all ticket types."""
    with database.transaction() as connection:
        order = order_queries.get_by_code(connection, code)
        lines = order_queries.list_lines(connection, order.id)
    places = [place for line in lines for place in list_places(line.ticket_type_id, line.quantity)]
    if number > len(places):
        raise UnusableGuest(
            f"place {number}: order {order.code} has places 1 to {len(places)}", field="place"
        )
    return order, places[number - 1]


def parse_order_guest(
    database: Database, order: Order, place: Place, *, name: str, email: str
) -> PlaceGuest:
    """Return the guest of a place with its former answers; refuses an unusable name or address."""
    with database.transaction() as connection:
        event = event_queries.get(connection, str(order.event_id))
        given = place_guest_queries.list_given(connection, order.id)
    answers = next((guest.answers for guest in given if guest.place == place), {})
    return parse_guest(event, place, name=name, email=email, answers=answers)
