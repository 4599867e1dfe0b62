"""Find the records of one person: by its contacts, and by the contacts of the records found."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from ticketing.people_data import find_person_queries as queries
from ticketing.people_data.find_person_queries import FoundRecord
from ticketing.people_data.person import (
    AmbiguousPerson,
    Identifier,
    IdentifierKind,
    Person,
    PersonMatch,
    UnknownPerson,
    parse_identifier,
    require_one_person,
)


def find_person(connection: Connection, texts: Sequence[str], *, all_matches: bool) -> Person:
    """Return the person that these identifiers mean together.

    Raises UnreadableIdentifier, UnknownPerson, and AmbiguousPerson with the matches.
    """
    regions = queries.list_regions(connection)
    person = Person()
    for text in texts:
        seed = _resolve(connection, parse_identifier(text, regions), text)
        person = Person(
            person.guest_ids | seed.guest_ids,
            person.order_ids | seed.order_ids,
            contacts=person.contacts | seed.contacts,
        )
    person, matches = _close(connection, person)
    require_one_person(matches, all_matches=all_matches)
    return replace(person, former=_former_contacts(connection, person))


def _former_contacts(connection: Connection, person: Person) -> frozenset[str]:
    """Return the contacts that the person had, without those that others have now."""
    former = queries.list_former_contacts(connection, person)
    return frozenset(contact for contact in former if not _has_records(connection, contact))


def _resolve(connection: Connection, readings: Sequence[Identifier], text: str) -> Person:
    """Return the records that a text names; refuses one that names none, or several kinds."""
    known = {one: seed for one in readings if (seed := _seed(connection, one)) is not None}
    if not known:
        raise UnknownPerson(
            f"{text!r}: no guest, order or waiting list has it; write an e-mail address,"
            " a phone number, a guest id or an order code"
        )
    if len(known) > 1:
        written = ", ".join(f"{one.kind}:{one.value}" for one in known)
        raise AmbiguousPerson(f"{text!r} may mean {written}; write one of them")
    return next(iter(known.values()))


def _seed(connection: Connection, one: Identifier) -> Person | None:
    match one.kind:
        case IdentifierKind.GUEST:
            guest = queries.find_guest_id(connection, int(one.value))
            return None if guest is None else Person(guest_ids=frozenset({guest}))
        case IdentifierKind.ORDER:
            order = queries.find_order_id(connection, one.value)
            return None if order is None else Person(order_ids=frozenset({order}))
        case IdentifierKind.EMAIL | IdentifierKind.PHONE:
            person = Person(contacts=frozenset({one.value}))
            return person if _is_known(connection, one.value) else None


def _is_known(connection: Connection, contact: str) -> bool:
    return _has_records(connection, contact) or queries.is_named_elsewhere(connection, contact)


def _has_records(connection: Connection, contact: str) -> bool:
    return bool(
        queries.list_guests(connection, [contact], [])
        or queries.list_orders(connection, [contact], [])
        or queries.list_waiting(connection, [contact])
    )


def _close(connection: Connection, person: Person) -> tuple[Person, list[PersonMatch]]:
    """Add the records that share a contact with those found, until there are no more."""
    while True:
        guests = queries.list_guests(connection, person.contacts, person.guest_ids)
        orders = queries.list_orders(connection, person.contacts, person.order_ids)
        entries = queries.list_waiting(connection, person.contacts)
        found = [*guests, *orders, *entries]
        larger = Person(
            _ids(guests), _ids(orders), _ids(entries), person.contacts | _contacts(found)
        )
        if larger == person:
            return person, [record.match for record in found]
        person = larger


def _ids(records: Sequence[FoundRecord]) -> frozenset[int]:
    return frozenset(record.id for record in records)


def _contacts(records: Sequence[FoundRecord]) -> frozenset[str]:
    """Return the contacts of records; a place of an order has that of its buyer, or its own."""
    found = {contact for each in records for contact in (each.email.lower(), each.phone)}
    return frozenset(found - {""})
