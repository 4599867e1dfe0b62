"""Queries for the guests of an order's places, before and after the places are granted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Connection, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.place_guest import GuestContact, Place, PlaceGuest
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import order_guests, order_lines, order_positions, orders
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.vouchers import packages

_ORDER_ID = bindparam("order_id", type_=BigInteger)
# built once: pages of orders poll every few seconds
_GIVEN = (
    select(
        order_lines.c.ticket_type_id,
        *order_guests.c["number", "full_name", "email", "answers"],
    )
    .join(order_lines, order_lines.c.id == order_guests.c.order_line_id)
    .where(order_lines.c.order_id == _ORDER_ID)
    .order_by(order_lines.c.ticket_type_id, order_guests.c.number)
)
_GRANTED = (
    select(
        order_lines.c.ticket_type_id,
        order_positions.c.number,
        guests.c.id,
        guests.c.full_name,
        guests.c.email,
        entitlements.c.state == "entitled",
    )
    .select_from(order_lines)
    .join(order_positions, order_positions.c.order_line_id == order_lines.c.id)
    .join(entitlements, entitlements.c.id == order_positions.c.entitlement_id)
    .join(guests, guests.c.id == entitlements.c.guest_id)
    .where(order_lines.c.order_id == _ORDER_ID)
    .order_by(order_lines.c.ticket_type_id, order_positions.c.number)
)


@dataclass(frozen=True, slots=True)
class GrantedPlace:
    """A place with its row in `guests`; `is_entitled` is false after a refund or cancellation."""

    place: Place
    guest_id: int
    full_name: str
    email: str
    is_entitled: bool


def list_given(connection: Connection, order_id: int) -> list[PlaceGuest]:
    """Return the guests that the buyer has given, by ticket type and number."""
    rows = connection.execute(_GIVEN, {"order_id": order_id})
    return [PlaceGuest(Place(type_id, number), *rest) for type_id, number, *rest in rows]


def list_granted(connection: Connection, order_id: int) -> list[GrantedPlace]:
    """Return the granted places of an order; none before it is paid."""
    rows = connection.execute(_GRANTED, {"order_id": order_id})
    return [GrantedPlace(Place(type_id, number), *rest) for type_id, number, *rest in rows]


def list_guests(connection: Connection, order_id: int, *, may_be_granted: bool) -> list[PlaceGuest]:
    """Return the guests that the buyer has given, or those on the tickets once there are any."""
    given = list_given(connection, order_id)
    granted = list_granted(connection, order_id) if may_be_granted else []
    if not granted:
        return given
    given_by_place = {guest.place: guest for guest in given}
    return [
        replace(given_by_place.get(each.place, PlaceGuest(each.place, "")), name=each.full_name)
        for each in granted
        if each.is_entitled
    ]


def store(connection: Connection, order_id: int, given: Sequence[PlaceGuest]) -> None:
    """Store the guests of some places; a place given before gets the new guest."""
    if not given:
        return
    lines = select(order_lines.c.ticket_type_id, order_lines.c.id)
    rows = connection.execute(lines.where(order_lines.c.order_id == order_id))
    line_by_type = {ticket_type_id: line_id for ticket_type_id, line_id in rows}  # noqa: C416
    new = insert(order_guests)
    changed = {name: new.excluded[name] for name in ("full_name", "email", "answers")}
    connection.execute(
        new.on_conflict_do_update(
            index_elements=[order_guests.c.order_line_id, order_guests.c.number], set_=changed
        ),
        [
            {
                "order_line_id": line_by_type[guest.place.ticket_type_id],
                "number": guest.place.number,
                "full_name": guest.name,
                "email": guest.email,
                "answers": dict(guest.answers),
            }
            for guest in given
        ],
    )


def update_guest(connection: Connection, guest_id: int, contact: GuestContact) -> None:
    """Change the name and addresses of a granted place."""
    connection.execute(
        update(guests)
        .where(guests.c.id == guest_id)
        .values(
            full_name=contact.full_name,
            email=contact.email,
            phone=contact.phone,
            updated_at=func.now(),
        )
    )


def replace_contact(
    connection: Connection, order_id: int, before: GuestContact, after: GuestContact
) -> None:
    """Give the granted places that are reached through the buyer the buyer's new addresses."""
    granted = [place.guest_id for place in list_granted(connection, order_id)]
    connection.execute(
        update(guests)
        .where(
            guests.c.id.in_(granted),
            guests.c.email == before.email,
            guests.c.phone == before.phone,
        )
        .values(email=after.email, phone=after.phone, updated_at=func.now())
    )


def count_missing_names(connection: Connection, order_id: int) -> int:
    """Return how many places still need a name; 0 if the event does not require names."""
    given = (
        select(func.count())
        .where(order_guests.c.order_line_id == order_lines.c.id)
        .correlate(order_lines)
        .scalar_subquery()
    )
    query = (
        select(func.coalesce(func.sum(order_lines.c.quantity - given), 0))
        .select_from(order_lines)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .join(events, events.c.id == orders.c.event_id)
        .outerjoin(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(
            orders.c.id == order_id,
            events.c.guest_names_required,
            packages.c.ticket_type_id.is_(None),  # vouchers have no guests
        )
    )
    return int(connection.execute(query).scalar_one())


def list_quantities(connection: Connection, order_id: int) -> dict[int, int]:
    """Return the number of places by ticket type, without vouchers."""
    query = (
        select(order_lines.c.ticket_type_id, order_lines.c.quantity)
        .outerjoin(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == order_id, packages.c.ticket_type_id.is_(None))
    )
    rows = connection.execute(query)
    return {ticket_type_id: quantity for ticket_type_id, quantity in rows}  # noqa: C416
