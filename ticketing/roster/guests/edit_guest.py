"""Edit one guest by the rules of an import: its name, contacts, place and attributes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders.place_guest import NATURAL_KEY_PREFIX
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.errors import UnusableGuest
from ticketing.platform.kernel.phone import phone_normaliser
from ticketing.roster.cells.clean_row import RowCleaner
from ticketing.roster.cells.column_mapping import map_columns
from ticketing.roster.guests import guest_queries
from ticketing.roster.guests.duplicates import (
    GuestConflict,
    changing_guests,
    find_guest,
    record_change,
)
from ticketing.roster.guests.guest_queries import GuestRecord, RosterPlace
from ticketing.roster.model import RosterField, RowRejection, WarnedEntry
from ticketing.tickets.ticket_queries import find_live_of_guest

_ATTRIBUTES = frozenset({RosterField.LOCALE, RosterField.SALES_CHANNEL, RosterField.TEST_MODE})
TEST, LIVE = "test", "live"  # values of the test mode
EDITABLE_FIELDS = (
    RosterField.FULL_NAME,
    RosterField.EMAIL,
    RosterField.PHONE,
    RosterField.SEAT,
    RosterField.TICKET_TYPE,
    RosterField.LOCALE,
    RosterField.SALES_CHANNEL,
    RosterField.TEST_MODE,
)


@dataclass(frozen=True, slots=True)
class GuestUpdate:
    """An edited guest: old and new value of each field that changed, and its live ticket."""

    guest_id: int
    guest: str
    changes: Mapping[str, tuple[str, str]]
    ticket: str | None


def edit_guest(
    database: Database,
    event: Event,
    who: str | int,
    values: Mapping[RosterField, str],
    *,
    by: str,
    at: datetime,
) -> GuestUpdate:
    """Change these fields of a guest; an empty value clears one. The ticket keeps its code.

    Raises UnknownGuest, GuestConflict and UnusableGuest; nothing is changed then.
    """
    with changing_guests(database, event) as connection:
        found = find_guest(connection, event, who)
        guest = guest_queries.lock_guest(connection, found.id)
        _refuse_place_of_order(guest, values)
        place = guest_queries.find_roster_place(connection, guest.id)
        new = _clean(event, guest, values)
        changes = _compare(guest, place, new)
        if changes:
            _write(connection, event, guest, place, changes, at=at)
            action = audit_log.UPDATE_GUEST_ACTION
            record_change(connection, event, guest, changes, action=action, by=by, at=at)
        ticket = find_live_of_guest(connection, event.id, guest.id)
        code = ticket.ticket_code if ticket else None
        return GuestUpdate(guest.id, guest.natural_key, changes, code)


def _clean(
    event: Event, guest: GuestRecord, values: Mapping[RosterField, str]
) -> dict[RosterField, str]:
    """Return the normal form of the values, cleaned as one row of a roster."""
    if not values:
        raise UnusableGuest(f"nothing to change: give one of {', '.join(EDITABLE_FIELDS)}")
    row = {RosterField.EXTERNAL_ID: str(guest.id), RosterField.FULL_NAME: guest.full_name}
    row |= values
    cleaner = RowCleaner.for_columns(
        map_columns(list(row), {field: field for field in row}),
        normalise_phone=phone_normaliser(event.region),
        normalise_email=normalise_email,
        is_strict=True,
    )
    outcome = cleaner.clean(list(row.values()))
    if isinstance(outcome, RowRejection):
        raise UnusableGuest(f"{outcome.field} {outcome.value!r}: {outcome.reason}")
    entry = outcome.entry if isinstance(outcome, WarnedEntry) else outcome
    cleaned = {field: str(entry._asdict()[field]) for field in values}
    for field, value in values.items():
        if value.strip() and not cleaned[field]:
            raise UnusableGuest(f"{field} {value!r}: this is no {field}; write '' to clear it")
    if cleaned.get(RosterField.TEST_MODE) == "":
        cleaned[RosterField.TEST_MODE] = LIVE
    return cleaned


def _compare(
    guest: GuestRecord, place: RosterPlace | None, new: Mapping[RosterField, str]
) -> dict[str, tuple[str, str]]:
    """Return old and new value of the fields that differ."""
    old = {
        RosterField.FULL_NAME: guest.full_name,
        RosterField.EMAIL: guest.email,
        RosterField.PHONE: guest.phone,
        RosterField.SEAT: place.seat if place else "",
        RosterField.TICKET_TYPE: place.ticket_type if place else "",
        RosterField.LOCALE: guest.locale,
        RosterField.SALES_CHANNEL: guest.sales_channel,
        RosterField.TEST_MODE: TEST if guest.is_test else LIVE,
    }
    changes = {
        field.value: (old[field], value) for field, value in new.items() if old[field] != value
    }
    if place is None and changes.keys() & {RosterField.SEAT, RosterField.TICKET_TYPE}:
        raise GuestConflict(
            f"{guest.natural_key} has no place from a roster, so no seat or ticket type to change"
        )
    return changes


def _write(
    connection: Connection,
    event: Event,
    guest: GuestRecord,
    place: RosterPlace | None,
    changes: Mapping[str, tuple[str, str]],
    *,
    at: datetime,
) -> None:
    new = {field: value for field, (_, value) in changes.items()}
    seat, ticket_type = new.pop("seat", None), new.pop("ticket_type", None)
    is_test = {"is_test": new.pop("test_mode") == TEST} if "test_mode" in new else {}
    if "full_name" in new:
        new |= {"first_name": "", "last_name": ""}  # as in a file with full names only
    _refuse_losing_key(guest, new)
    if new or is_test:
        guest_queries.update_guest(connection, guest.id, {**new, **is_test}, at=at)
        key = guest_queries.lock_guest(connection, guest.id).natural_key
        guest_queries.rename_duplicates(connection, event.id, old=guest.natural_key, new=key, at=at)
    if place and seat is not None:
        guest_queries.update_place(connection, place.entitlement_id, {"seat": seat}, at=at)
    if place and ticket_type is not None:
        kind = {"ticket_type_id": _ticket_type_id(connection, event, ticket_type)}
        guest_queries.update_place(connection, place.entitlement_id, kind, at=at)


def _refuse_place_of_order(guest: GuestRecord, values: Collection[RosterField]) -> None:
    is_place = guest.natural_key.startswith(NATURAL_KEY_PREFIX)
    if is_place and not _ATTRIBUTES.issuperset(values):
        raise GuestConflict(
            f"guest {guest.id} is a place of an order; change it with `ticketing orders set-guest`"
        )


def _refuse_losing_key(guest: GuestRecord, new: Mapping[str, str]) -> None:
    for field, prefix in (("email", "email:"), ("phone", "tel:")):
        if new.get(field) == "" and guest.natural_key.startswith(prefix):
            raise UnusableGuest(f"{field} '': it identifies {guest.natural_key}; write another one")


def _ticket_type_id(connection: Connection, event: Event, name: str) -> int:
    known = guest_queries.list_ticket_types(connection, event.id)
    for existing, number in known.items():
        if existing.lower() == name.lower():
            return number
    raise UnusableGuest(f"ticket_type {name!r}: {event.slug} has {', '.join(known)}")
