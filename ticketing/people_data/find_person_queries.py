"""Queries that find the records of a person by contacts, guest ids and order codes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, or_, select

from ticketing.orders.buyer_contact import mask_contact
from ticketing.orders.place_guest import NATURAL_KEY_PREFIX
from ticketing.people_data.person import Person, PersonMatch
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.notifications import opt_outs
from ticketing.platform.db.tables.orders import contact_corrections, order_guests, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.roster import guest_changes, guests
from ticketing.platform.db.tables.waiting_list import waiting_list_entries

_CONTACT_FIELDS = ("email", "phone")


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record with its contacts and how it is shown."""

    id: int
    email: str
    phone: str
    match: PersonMatch


def list_regions(connection: Connection) -> list[str]:
    """Return the regions of all events, which say how numbers are dialled."""
    return list(
        connection.execute(select(events.c.region).distinct().order_by(events.c.region)).scalars()
    )


def list_guests(
    connection: Connection, contacts: Collection[str], ids: Collection[int]
) -> list[FoundRecord]:
    """Return the guests with one of these contacts or ids, and those merged into them."""
    query = (
        select(guests.c.id, *guests.c["email", "phone", "full_name", "natural_key"], events.c.slug)
        .join(events, events.c.id == guests.c.event_id)
        .where(
            or_(
                _has_contact(guests.c.email, guests.c.phone, contacts),
                guests.c.id.in_(ids),
                guests.c.merged_into.in_(ids),
            )
        )
        .order_by(guests.c.id)
    )
    return [
        FoundRecord(
            row.id, row.email, row.phone,
            PersonMatch(
                f"guest:{row.id}", row.slug, row.full_name,
                is_place=row.natural_key.startswith(NATURAL_KEY_PREFIX),
            ),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def list_orders(
    connection: Connection, contacts: Collection[str], ids: Collection[int]
) -> list[FoundRecord]:
    """Return the orders whose buyer has one of these contacts, and those with these ids."""
    query = (
        select(
            orders.c.id,
            *orders.c["buyer_email", "buyer_phone", "buyer_name", "code"],
            events.c.slug,
        )
        .join(events, events.c.id == orders.c.event_id)
        .where(
            or_(
                _has_contact(orders.c.buyer_email, orders.c.buyer_phone, contacts),
                orders.c.id.in_(ids),
            )
        )
        .order_by(orders.c.id)
    )
    return [
        FoundRecord(
            row.id, row.buyer_email, row.buyer_phone,
            PersonMatch(f"order:{row.code}", row.slug, row.buyer_name),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def list_waiting(connection: Connection, contacts: Collection[str]) -> list[FoundRecord]:
    """Return the entries of waiting lists with one of these contacts."""
    entries = waiting_list_entries
    query = (
        select(entries.c.id, *entries.c["buyer_email", "buyer_phone", "buyer_name"], events.c.slug)
        .join(events, events.c.id == entries.c.event_id)
        .where(_has_contact(entries.c.buyer_email, entries.c.buyer_phone, contacts))
        .order_by(entries.c.id)
    )
    return [
        FoundRecord(
            row.id, row.buyer_email, row.buyer_phone,
            PersonMatch(f"waiting:{row.id}", row.slug, row.buyer_name),
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def find_order_id(connection: Connection, code: str) -> int | None:
    """Return the id of the order with this code."""
    return connection.execute(select(orders.c.id).where(orders.c.code == code)).scalar_one_or_none()


def find_guest_id(connection: Connection, guest_id: int) -> int | None:
    """Return the id if there is such a guest; of a merged guest, that of the one who is kept."""
    query = select(func.coalesce(guests.c.merged_into, guests.c.id)).where(guests.c.id == guest_id)
    return connection.execute(query).scalar_one_or_none()


def is_named_elsewhere(connection: Connection, contact: str) -> bool:
    """Return whether a buyer gave this contact for a guest, it got a message, or said STOP."""
    named = (order_guests.c.email, outbox.c.recipient, opt_outs.c.address)
    queries = (select(column).where(func.lower(column) == contact).limit(1) for column in named)
    return any(connection.execute(query).first() is not None for query in queries)


def list_former_contacts(connection: Connection, person: Person) -> set[str]:
    """Return the contacts that a person's guests had, and those requested for its orders."""
    changed = select(guest_changes.c.old_value).where(
        guest_changes.c.guest_id.in_(person.guest_ids), guest_changes.c.field.in_(_CONTACT_FIELDS)
    )
    requested = select(contact_corrections.c.contact).where(
        contact_corrections.c.order_id.in_(person.order_ids)
    )
    found = connection.execute(changed.union(requested)).scalars()
    return {contact for contact in found if contact} - person.contacts


def list_names(connection: Connection, person: Person) -> set[str]:
    """Return the names under which a person is stored, former and masked contacts included."""
    by_table = (
        select(guests.c.full_name).where(guests.c.id.in_(person.guest_ids)),
        select(orders.c.buyer_name).where(orders.c.id.in_(person.order_ids)),
        select(waiting_list_entries.c.buyer_name).where(
            waiting_list_entries.c.id.in_(person.entry_ids)
        ),
        select(guest_changes.c.old_value).where(
            guest_changes.c.guest_id.in_(person.guest_ids), guest_changes.c.field == "full_name"
        ),
        select(order_guests.c.full_name).where(order_guests.c.email.in_(person.contacts)),
    )
    names = {name for query in by_table for name in connection.execute(query).scalars()}
    masked = {mask_contact(contact) for contact in person.contacts | person.former}
    return (names | masked) - {""}


def _has_contact(
    email: ColumnElement[str], phone: ColumnElement[str], contacts: Iterable[str]
) -> ColumnElement[bool]:
    return or_(func.lower(email).in_(contacts), phone.in_(contacts))
