"""Counts of check-ins, for the page of a gate, reports and metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from ticketing.checkin.model import Direction, Verdict
from ticketing.platform.db.tables.checkins import checkin_lists, checkins
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState


@dataclass(frozen=True, slots=True)
class ListCounts:
    """Counts of one list. `expected` is the number of live tickets on it."""

    list_id: int
    name: str
    expected: int
    entered: int  # places that came in at least once
    inside: int
    refused: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class GateCounts:
    """Admissions of one gate, entries and exits."""

    gate: str
    entries: int
    exits: int


_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)  # spans begin at full hours
_STANDS = and_(checkins.c.verdict == Verdict.ADMITTED, checkins.c.undone_at.is_(None))
_ENTERED = and_(_STANDS, checkins.c.direction == Direction.ENTRY)
_LEFT = and_(_STANDS, checkins.c.direction == Direction.EXIT)


def count_by_list(connection: Connection, event_id: int) -> Sequence[ListCounts]:
    """Return the counts of each list of an event, the entrance first."""
    on_list = or_(
        checkin_lists.c.ticket_type_ids.is_(None),
        entitlements.c.ticket_type_id == func.any(checkin_lists.c.ticket_type_ids),
    )
    expected = (
        select(func.count())
        .select_from(generated_tickets)
        .join(entitlements, entitlements.c.id == generated_tickets.c.entitlement_id)
        .where(
            generated_tickets.c.event_id == event_id,
            generated_tickets.c.state == TicketState.LIVE,
            on_list,
        )
        .correlate(checkin_lists)
        .scalar_subquery()
    )
    query = (
        select(
            checkin_lists.c.id,
            checkin_lists.c.name,
            expected,
            func.count(checkins.c.entitlement_id.distinct()).filter(_ENTERED),
            # without re-entry an entry stands after the exit, too
            func.count().filter(_ENTERED) - func.count().filter(_LEFT),
            func.count().filter(checkins.c.verdict == Verdict.REFUSED),
            func.count().filter(checkins.c.verdict == Verdict.CONFLICT),
        )
        .outerjoin(checkins, checkins.c.list_id == checkin_lists.c.id)
        .where(checkin_lists.c.event_id == event_id)
        .group_by(checkin_lists.c.id)
        .order_by(checkin_lists.c.id)
    )
    return [ListCounts(*row) for row in connection.execute(query)]


def list_first_entries(
    connection: Connection, event_id: int, *, minutes: int
) -> list[tuple[datetime, int]]:
    """Return beginnings of spans of `minutes`, and the places that came in for the first time."""
    first = (
        select(func.min(checkins.c.scanned_at).label("at"))
        .where(checkins.c.event_id == event_id, _ENTERED)
        .group_by(checkins.c.entitlement_id)
        .subquery()
    )
    span = func.date_bin(timedelta(minutes=minutes), first.c.at, _ORIGIN)
    query = select(span, func.count()).group_by(span).order_by(span)
    return [(at, count) for at, count in connection.execute(query)]


def count_by_gate(connection: Connection, event_id: int) -> Sequence[GateCounts]:
    """Return the admissions of each gate of an event, by name."""
    query = (
        select(checkins.c.gate, func.count().filter(_ENTERED), func.count().filter(_LEFT))
        .where(checkins.c.event_id == event_id)
        .group_by(checkins.c.gate)
        .order_by(checkins.c.gate)
    )
    return [GateCounts(*row) for row in connection.execute(query)]


def count_by_verdict(connection: Connection) -> dict[tuple[str, str], int]:
    """Return the number of all recorded scans by direction and verdict."""
    query = select(checkins.c.direction, checkins.c.verdict, func.count()).group_by(
        checkins.c.direction, checkins.c.verdict
    )
    return {
        (direction, verdict): number for direction, verdict, number in connection.execute(query)
    }
