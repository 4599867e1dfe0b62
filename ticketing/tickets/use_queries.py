"""Whether tickets were used: check-ins of places at the entrance, the first list of an event."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, select

from ticketing.platform.db.tables.checkins import checkin_lists, checkins
from ticketing.platform.db.tables.tickets import generated_tickets


@dataclass(frozen=True, slots=True)
class TicketUse:
    """The entry that used a place."""

    scanned_at: datetime
    gate: str


def find_use(connection: Connection, ticket_id: int) -> TicketUse | None:
    """Return the entry that stands for a ticket's place at the entrance, or None.

    The holder who has left through a list that allows re-entry is not inside.
    """
    entrance = (
        select(checkin_lists.c.id)
        .where(checkin_lists.c.event_id == checkins.c.event_id)
        .order_by(checkin_lists.c.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(checkins.c.scanned_at, checkins.c.gate)
        .join(generated_tickets, generated_tickets.c.entitlement_id == checkins.c.entitlement_id)
        .where(generated_tickets.c.id == ticket_id, checkins.c.is_open)
        .where(checkins.c.list_id == entrance)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else TicketUse(*row)


def was_used(entitlement_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition: a place was entered with, on any list, and the entry was not undone."""
    entered = checkins.c.entitlement_id == entitlement_id
    return exists().where(
        entered,
        checkins.c.direction == "entry",
        checkins.c.verdict != "refused",
        checkins.c.undone_at.is_(None),
    )


class ScanHistory(NamedTuple):
    """A scan of a place, as `explain` shows it."""

    scanned_at: datetime
    list_name: str
    direction: str
    verdict: str
    reason: str
    gate: str
    undone_at: datetime | None
    undone_by: str


def list_scans(connection: Connection, entitlement_ids: Iterable[int]) -> list[ScanHistory]:
    """Return the scans of places, in the order in which they were recorded."""
    query = (
        select(
            checkins.c.scanned_at, checkin_lists.c.name, checkins.c.direction, checkins.c.verdict,
            checkins.c.reason, checkins.c.gate, checkins.c.undone_at, checkins.c.undone_by,
        )
        .join(checkin_lists, checkin_lists.c.id == checkins.c.list_id)
        .where(checkins.c.entitlement_id.in_(list(entitlement_ids)))
        .order_by(checkins.c.id)
    )  # fmt: skip
    return [ScanHistory(*row) for row in connection.execute(query)]
