"""Decide about possible duplicates: two people (confirm), or one person under two ids (merge)."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Conflict
from ticketing.roster import import_queries
from ticketing.roster.guests import guest_queries
from ticketing.roster.guests.guest_queries import GuestRecord, RosterPlace
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.tickets.issuing.entitlement_lock_queries import lock_guests
from ticketing.tickets.single_ticket import UnknownGuest

PATIENCE_SECONDS = 10.0  # an import of the event may be running


class GuestConflict(Conflict):
    """The guest cannot be changed like this; the message says why."""


@dataclass(frozen=True, slots=True)
class MergeResult:
    """Two merged guests; `ticket` is the live ticket that is left, `revoked` the other one."""

    guest_id: int
    kept: str
    dropped: str
    ticket: str | None
    revoked: str | None


@contextmanager
def changing_guests(database: Database, event: Event) -> Iterator[Connection]:
    """Open a transaction that no import of the event runs beside. Raises ImportUnderWay."""
    with database.transaction() as connection:
        import_queries.acquire_import_lock(connection, event.id, patience_seconds=PATIENCE_SECONDS)
        yield connection


def find_guest(connection: Connection, event: Event, who: str | int) -> GuestRecord:
    """Return the guest by external id, key, e-mail, phone or number; refuses merged ones."""
    found = guest_queries.find_guests(connection, event.id, who)
    if not found:
        raise UnknownGuest(f"{event.slug} has no guest {who!r}; write an id, e-mail or phone")
    if len(found) > 1:
        keys = ", ".join(guest.natural_key for guest in found)
        raise GuestConflict(f"{who!r} is more than one guest; write one of {keys}")
    (guest,) = found
    if guest.merged_into is not None:
        raise GuestConflict(f"{guest.natural_key} was merged into guest {guest.merged_into}")
    return guest


def confirm_guests(
    database: Database, event: Event, texts: Iterable[str], *, by: str, at: datetime
) -> list[str]:
    """Confirm that possible duplicates are people of their own; return their keys."""
    with changing_guests(database, event) as connection:
        return [_confirm(connection, event, text, by=by, at=at) for text in texts]


def _confirm(connection: Connection, event: Event, text: str, *, by: str, at: datetime) -> str:
    guest = find_guest(connection, event, text)
    lock_guests(connection, event.id, [guest.id])
    place = guest_queries.find_roster_place(connection, guest.id)
    if place is None or place.duplicate_of is None:
        raise GuestConflict(f"{guest.natural_key} is not on hold as a possible duplicate")
    guest_queries.release_duplicate(connection, guest.id, at=at)
    change = {"possible duplicate of": (place.duplicate_of, "another person")}
    record_change(
        connection, event, guest, change, action=audit_log.CONFIRM_GUEST_ACTION, by=by, at=at
    )
    return guest.natural_key


def merge_guests(
    database: Database, event: Event, keep: str, drop: str, *, by: str, at: datetime
) -> MergeResult:
    """Merge two guests who are one person; at most one live ticket is left.

    The kept guest keeps its data and id. A live ticket of the dropped guest is revoked if the kept
    one has a ticket, else it is moved with its code. Later rows with the dropped id are rejected.
    """
    with changing_guests(database, event) as connection:
        kept, dropped = (find_guest(connection, event, text) for text in (keep, drop))
        if kept.id == dropped.id:
            raise GuestConflict(f"{keep!r} and {drop!r} are the same guest {kept.natural_key}")
        lock_guests(connection, event.id, [kept.id, dropped.id])
        if guest_queries.has_paid_places(connection, dropped.id):
            raise GuestConflict(
                f"{dropped.natural_key} has places of an order, which cannot be merged; "
                f"keep that guest and drop {kept.natural_key}"
            )
        places = _place(connection, kept), _place(connection, dropped)
        ticket, revoked = _merge_tickets(connection, kept, *places, at=at)
        _merge_data(connection, kept, dropped, *places, at=at)
        guest_queries.rename_duplicates(
            connection, event.id, old=dropped.natural_key, new=kept.natural_key, at=at
        )
        guest_queries.mark_merged(connection, dropped.id, kept=kept.id, at=at)
        _record_merge(connection, event, kept, dropped, by=by, at=at)
        return MergeResult(kept.id, kept.natural_key, dropped.natural_key, ticket, revoked)


def _place(connection: Connection, guest: GuestRecord) -> RosterPlace:
    place = guest_queries.find_roster_place(connection, guest.id)
    if place is None:
        raise GuestConflict(f"{guest.natural_key} is not in a roster of the event")
    return place


def _merge_tickets(
    connection: Connection,
    kept: GuestRecord,
    keep: RosterPlace,
    drop: RosterPlace,
    *,
    at: datetime,
) -> tuple[str | None, str | None]:
    """Return the codes of the ticket that is left and of the revoked one."""
    if drop.ticket_id is None:
        return keep.ticket_code, None
    if keep.ticket_id is None:
        guest_queries.move_ticket(
            connection, drop.ticket_id, guest_id=kept.id, place=keep.entitlement_id
        )
        return drop.ticket_code, None
    reason = f"merged into {kept.natural_key}"
    ticket_write_queries.mark_revoked(connection, [drop.ticket_id], reason=reason, at=at)
    return keep.ticket_code, drop.ticket_code


def _merge_data(
    connection: Connection,
    kept: GuestRecord,
    dropped: GuestRecord,
    keep: RosterPlace,
    drop: RosterPlace,
    *,
    at: datetime,
) -> None:
    """Fill what the kept guest has not, and end the dropped one's entitlement."""
    if keep.duplicate_of == dropped.natural_key:
        guest_queries.release_duplicate(connection, kept.id, at=at)
    guest_queries.release_duplicate(connection, dropped.id, at=at)
    contacts = {"email": kept.email or dropped.email, "phone": kept.phone or dropped.phone}
    guest_queries.update_guest(connection, kept.id, contacts, at=at)
    state = "entitled" if "entitled" in {keep.state, drop.state} else "withdrawn"
    filled = {"seat": keep.seat or drop.seat, "state": state}
    guest_queries.update_place(connection, keep.entitlement_id, filled, at=at)
    guest_queries.update_place(connection, drop.entitlement_id, {"state": "withdrawn"}, at=at)


def _record_merge(
    connection: Connection,
    event: Event,
    kept: GuestRecord,
    dropped: GuestRecord,
    *,
    by: str,
    at: datetime,
) -> None:
    into = {"merged into": ("", kept.natural_key)}
    guest_queries.record_changes(connection, event.id, dropped.id, into, by=by, at=at)
    name = f"{dropped.natural_key} ({dropped.full_name})"
    record_change(
        connection, event, kept, {"merged": (name, kept.natural_key)},
        action=audit_log.MERGE_GUESTS_ACTION, by=by, at=at, dropped_guest_id=dropped.id,
    )  # fmt: skip


def record_change(
    connection: Connection,
    event: Event,
    guest: GuestRecord,
    changes: dict[str, tuple[str, str]],
    *,
    action: str,
    by: str,
    at: datetime,
    **details: object,
) -> None:
    """Add a change to the guest's history, and to the audit log without personal data."""
    guest_queries.record_changes(connection, event.id, guest.id, changes, by=by, at=at)
    audit_log.record(
        connection, actor=by, action=action, event_id=event.id, subject=event.slug, items=1,
        details={"guest_id": guest.id, "fields": sorted(changes)} | details,
    )  # fmt: skip
