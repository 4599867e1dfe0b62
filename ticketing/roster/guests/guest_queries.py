"""Queries about single guests of an event: find one, its place in the roster, and change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    case,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.roster import entitlements, guest_changes, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.kernel.errors import AlreadyExists
from ticketing.roster.plan.hold_reason_queries import (
    duplicate_reason,
    join_reasons,
    without_duplicate_reason,
)

MAX_CANDIDATES = 5  # named in an error


@dataclass(frozen=True, slots=True)
class GuestRecord:
    """A guest as stored."""

    id: int
    natural_key: str
    full_name: str
    email: str
    phone: str
    merged_into: int | None
    locale: str
    sales_channel: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class RosterPlace:
    """The entitlement of a guest from the roster, and its live ticket."""

    entitlement_id: int
    ticket_type_id: int
    ticket_type: str
    seat: str
    state: str
    duplicate_of: str | None
    ticket_id: int | None
    ticket_code: str | None


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """A guest on hold, and the guest who may be the same person, with its live ticket."""

    guest: str
    name: str
    email: str
    phone: str
    other: str
    other_name: str | None
    other_ticket: str | None


def find_guests(connection: Connection, event_id: int, who: str | int) -> list[GuestRecord]:
    """Return the guests with this key or external id, else contact, else number; a few at most.

    An int is the number of a guest.
    """
    if isinstance(who, int):
        return _list_guests(connection, event_id, guests.c.id == who)
    text = who.strip()
    tiers = (
        or_(guests.c.natural_key == text, guests.c.external_id == text),
        or_(func.lower(guests.c.email) == text.lower(), guests.c.phone == text)
        & guests.c.merged_into.is_(None),
        cast(guests.c.id, Text) == text,
    )
    return next(filter(None, (_list_guests(connection, event_id, tier) for tier in tiers)), [])


def lock_guest(connection: Connection, guest_id: int) -> GuestRecord:
    """Lock a guest against other changes and return it."""
    query = select(*columns_of(GuestRecord, guests)).where(guests.c.id == guest_id)
    return GuestRecord(**connection.execute(query.with_for_update()).mappings().one())


def find_roster_place(connection: Connection, guest_id: int) -> RosterPlace | None:
    """Return the entitlement of a guest from the roster, or None."""
    live = (generated_tickets.c.entitlement_id == entitlements.c.id) & (
        generated_tickets.c.state == "live"
    )
    query = (
        select(
            entitlements.c.id.label("entitlement_id"),
            *entitlements.c["ticket_type_id", "seat", "state", "duplicate_of"],
            ticket_types.c.name.label("ticket_type"),
            generated_tickets.c.id.label("ticket_id"),
            generated_tickets.c.ticket_code,
        )
        .select_from(entitlements.outerjoin(generated_tickets, live))
        .join(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
        .where(entitlements.c.guest_id == guest_id, entitlements.c.source == "roster")
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else RosterPlace(**row)


def has_paid_places(connection: Connection, guest_id: int) -> bool:
    """Return whether a guest has places from orders."""
    paid = (entitlements.c.guest_id == guest_id) & (entitlements.c.source == "order")
    return bool(connection.execute(select(exists().where(paid))).scalar_one())


def list_possible_duplicates(connection: Connection, event_id: int) -> list[PossibleDuplicate]:
    """Return the guests on hold as possible duplicates, in the order of their import."""
    other = guests.alias("other")
    ticket = (
        select(func.min(generated_tickets.c.ticket_code))
        .where(generated_tickets.c.guest_id == other.c.id, generated_tickets.c.state == "live")
        .scalar_subquery()
    )
    same_key = (other.c.event_id == event_id) & (other.c.natural_key == entitlements.c.duplicate_of)
    query = (
        select(
            guests.c.natural_key.label("guest"),
            guests.c.full_name.label("name"),
            *guests.c["email", "phone"],
            entitlements.c.duplicate_of.label("other"),
            other.c.full_name.label("other_name"),
            ticket.label("other_ticket"),
        )
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .outerjoin(other, same_key)
        .where(entitlements.c.event_id == event_id, entitlements.c.duplicate_of.isnot(None))
        .order_by(entitlements.c.id)
    )
    return [PossibleDuplicate(**row) for row in connection.execute(query).mappings()]


def release_duplicate(connection: Connection, guest_id: int, *, at: datetime) -> None:
    """Remove the part of the hold reason that names another guest."""
    connection.execute(
        update(entitlements)
        .where(entitlements.c.guest_id == guest_id, entitlements.c.duplicate_of.isnot(None))
        .values(hold_reason=without_duplicate_reason(), duplicate_of=None, updated_at=at)
    )


def rename_duplicates(
    connection: Connection, event_id: int, *, old: str, new: str, at: datetime
) -> None:
    """Let the possible duplicates of one guest name another."""
    reason = join_reasons(duplicate_reason(literal(new)), without_duplicate_reason())
    connection.execute(
        update(entitlements)
        .where(entitlements.c.event_id == event_id, entitlements.c.duplicate_of == old)
        .values(hold_reason=reason, duplicate_of=new, updated_at=at)
    )


def move_ticket(connection: Connection, ticket_id: int, *, guest_id: int, place: int) -> None:
    """Give a live ticket to another guest and entitlement; its code stays the same."""
    connection.execute(
        update(generated_tickets)
        .where(generated_tickets.c.id == ticket_id)
        .values(guest_id=guest_id, entitlement_id=place)
    )


def mark_merged(connection: Connection, dropped: int, *, kept: int, at: datetime) -> None:
    """Mark a guest, and those merged into it before, as merged into the kept one."""
    connection.execute(
        update(guests)
        .where(or_(guests.c.id == dropped, guests.c.merged_into == dropped))
        .values(merged_into=kept, updated_at=at)
    )


def update_guest(
    connection: Connection, guest_id: int, values: Mapping[str, str | bool], *, at: datetime
) -> None:
    """Write columns of a guest. A key that is an e-mail or phone follows it.

    Raises AlreadyExists if that is the key of another guest; the transaction is over then.
    """
    key: ColumnElement[str] = guests.c.natural_key
    for column, prefix in (("email", "email:"), ("phone", "tel:")):
        if column in values:
            key = case(
                (guests.c.natural_key.startswith(prefix), f"{prefix}{values[column]}"), else_=key
            )
    writing = update(guests).where(guests.c.id == guest_id)
    try:
        connection.execute(writing.values(**values, natural_key=key, updated_at=at))
    except IntegrityError as error:
        raise AlreadyExists(
            f"another guest is identified by {values.get('email') or values.get('phone')}; "
            "merge them with `guests merge`, or write another address"
        ) from error


def update_place(
    connection: Connection, entitlement_id: int, values: Mapping[str, object], *, at: datetime
) -> None:
    """Write columns of an entitlement."""
    connection.execute(
        update(entitlements)
        .where(entitlements.c.id == entitlement_id)
        .values(**values, updated_at=at)
    )


def list_ticket_types(connection: Connection, event_id: int) -> dict[str, int]:
    """Return the ids of the event's ticket types by name."""
    query = select(ticket_types.c.name, ticket_types.c.id).where(
        ticket_types.c.event_id == event_id
    )
    rows = connection.execute(query.order_by(ticket_types.c.id))
    return {row.name: row.id for row in rows}


def record_changes(
    connection: Connection,
    event_id: int,
    guest_id: int,
    changes: Mapping[str, tuple[str, str]],
    *,
    by: str,
    at: datetime,
) -> None:
    """Add old and new value of each changed field to the history of a guest."""
    rows = [
        {"event_id": event_id, "guest_id": guest_id, "field": field, "old_value": old}
        | {"new_value": new, "changed_by": by, "changed_at": at}
        for field, (old, new) in changes.items()
    ]
    if rows:
        connection.execute(insert(guest_changes), rows)


def _list_guests(
    connection: Connection, event_id: int, condition: ColumnElement[bool]
) -> list[GuestRecord]:
    query = (
        select(*columns_of(GuestRecord, guests))
        .where(guests.c.event_id == event_id, condition)
        .order_by(guests.c.id)
        .limit(MAX_CANDIDATES)
    )
    return [GuestRecord(**row) for row in connection.execute(query).mappings()]
