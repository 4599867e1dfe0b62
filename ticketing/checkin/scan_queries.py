"""Queries of scans. A nonce is claimed first, so that a repeated scan never decides again."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from ticketing.checkin.model import CheckIn, CheckInList, Direction, Passage, Scan, Verdict
from ticketing.crypto.verify import RejectionReason, ScannedTicket
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.checkins import checkin_lists, checkins
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets

_PLACE_LOCK_SPACE = 0x636B << 48  # "ck": a lock for each place
_related = checkins.alias("related")


class TicketPlace(NamedTuple):
    """The place of a ticket: its entitlement and type."""

    entitlement_id: int
    ticket_type_id: int


class OpenEntry(NamedTuple):
    """An entry that stands."""

    id: int
    scanned_at: datetime
    gate: str


def claim_nonce(
    connection: Connection,
    scan: Scan,
    wanted: CheckInList,
    *,
    gate: str,
    scanned_at: datetime,
    received_at: datetime,
) -> int | None:
    """Insert a scan that is refused until it is decided; return its id, or None if it is known.

    A transaction with the same nonce waits here until the first has committed.
    """
    query = insert(checkins).values(
        nonce=scan.nonce, event_id=wanted.event_id, list_id=wanted.id, direction=scan.direction,
        gate=gate, scanned_at=scanned_at, received_at=received_at, is_offline=scan.is_offline,
        pack_version=scan.pack_version, verdict=Verdict.REFUSED, reason=RejectionReason.UNKNOWN,
        note="", is_open=False, undone_by="", undo_reason="",
    )  # fmt: skip
    query = query.on_conflict_do_nothing(index_elements=["nonce"])
    return connection.execute(query.returning(checkins.c.id)).scalar_one_or_none()


def decide(connection: Connection, checkin_id: int, values: dict[str, object]) -> None:
    """Store the verdict of a claimed scan."""
    connection.execute(update(checkins).where(checkins.c.id == checkin_id).values(values))


def get_place(connection: Connection, ticket_id: int) -> TicketPlace:
    """Return the place of a ticket."""
    query = (
        select(entitlements.c.id, entitlements.c.ticket_type_id)
        .join(generated_tickets, generated_tickets.c.entitlement_id == entitlements.c.id)
        .where(generated_tickets.c.id == ticket_id)
    )
    return TicketPlace(*connection.execute(query).one())


def lock_place(connection: Connection, entitlement_id: int) -> None:
    """Let one transaction at a time decide about a place."""
    key = literal(_PLACE_LOCK_SPACE + entitlement_id, BigInteger)
    connection.execute(select(func.pg_advisory_xact_lock(key)))


def find_open_entry(connection: Connection, list_id: int, entitlement_id: int) -> OpenEntry | None:
    """Return the entry of a place that stands on a list, or None."""
    query = select(checkins.c.id, checkins.c.scanned_at, checkins.c.gate).where(
        checkins.c.list_id == list_id,
        checkins.c.entitlement_id == entitlement_id,
        checkins.c.is_open,
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else OpenEntry(*row)


def set_open(connection: Connection, checkin_id: int, *, is_open: bool) -> None:
    """Let an entry stand, or end it."""
    decide(connection, checkin_id, {"is_open": is_open})


def find_by_nonce(connection: Connection, event_id: int, nonce: str) -> CheckIn | None:
    """Return a scan of an event, or None."""
    rows = connection.execute(
        _select().where(checkins.c.event_id == event_id, checkins.c.nonce == nonce)
    ).mappings()
    return next(map(_from_row, rows), None)


def find_place_of(connection: Connection, event_id: int, nonce: str) -> int | None:
    """Return the place of a scan; None without the scan, or if it was of no known ticket."""
    query = select(checkins.c.entitlement_id).where(
        checkins.c.event_id == event_id, checkins.c.nonce == nonce
    )
    return connection.execute(query).scalar()


def was_left(connection: Connection, entry_id: int) -> bool:
    """Return whether an exit that stands ended this entry."""
    query = select(literal(1)).where(
        checkins.c.related_id == entry_id,
        checkins.c.direction == Direction.EXIT,
        checkins.c.verdict == Verdict.ADMITTED,
        checkins.c.undone_at.is_(None),
    )
    return connection.execute(query.limit(1)).scalar() is not None


def get_ended_entry(connection: Connection, exit_id: int) -> int:
    """Return the entry that an admitted exit ended."""
    query = select(checkins.c.related_id).where(checkins.c.id == exit_id)
    return int(connection.execute(query).scalar_one())


def list_conflicts(connection: Connection, event_id: int, *, limit: int) -> Sequence[CheckIn]:
    """Return the conflicts of an event, the newest first."""
    query = _select().where(checkins.c.event_id == event_id, checkins.c.verdict == Verdict.CONFLICT)
    rows = connection.execute(query.order_by(checkins.c.id.desc()).limit(limit)).mappings()
    return [_from_row(row) for row in rows]


def list_for_ticket(connection: Connection, ticket_id: int) -> Sequence[CheckIn]:
    """Return the scans of a ticket's place, in their order."""
    place = (
        select(generated_tickets.c.entitlement_id)
        .where(generated_tickets.c.id == ticket_id)
        .scalar_subquery()
    )
    query = _select().where(checkins.c.entitlement_id == place).order_by(checkins.c.id)
    return [_from_row(row) for row in connection.execute(query).mappings()]


_TICKET: dict[str, ColumnElement[object]] = {
    "ticket_id": generated_tickets.c.id,
    "ticket_code": generated_tickets.c.ticket_code,
    "event_slug": events.c.slug,
    "guest_id": generated_tickets.c.guest_id,
    "full_name": guests.c.full_name,
    "ticket_type": ticket_types.c.name,
    "seat": entitlements.c.seat,
}
_SCAN = (
    "id", "nonce", "list_id", "direction", "gate", "scanned_at", "received_at", "is_offline",
    "verdict", "reason", "note", "undone_at", "undo_reason",
)  # fmt: skip


def _select() -> Select[tuple[object, ...]]:
    return (
        select(
            *(checkins.c[name] for name in _SCAN),
            checkin_lists.c.name.label("list_name"),
            _related.c.scanned_at.label("related_at"),
            _related.c.gate.label("related_gate"),
            *(column.label(name) for name, column in _TICKET.items()),
        )
        .join(checkin_lists, checkin_lists.c.id == checkins.c.list_id)
        .join(events, events.c.id == checkins.c.event_id)
        .outerjoin(_related, _related.c.id == checkins.c.related_id)
        .outerjoin(generated_tickets, generated_tickets.c.id == checkins.c.ticket_id)
        .outerjoin(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .outerjoin(guests, guests.c.id == generated_tickets.c.guest_id)
        .outerjoin(ticket_types, ticket_types.c.id == entitlements.c.ticket_type_id)
    )


def _from_row(row: RowMapping) -> CheckIn:
    values = {name: row[name] for name in _SCAN}
    ticket = {name: row[name] for name in _TICKET}
    has_related = row["related_at"] is not None
    return CheckIn(
        **values
        | {
            "direction": Direction(row["direction"]),
            "verdict": Verdict(row["verdict"]),
            "reason": RejectionReason(row["reason"]) if row["reason"] else None,
        },
        list_name=row["list_name"],
        ticket=None if row["ticket_id"] is None else ScannedTicket(**ticket),
        related=Passage(row["related_at"], row["related_gate"]) if has_related else None,
    )
