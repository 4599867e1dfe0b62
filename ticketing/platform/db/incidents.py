"""Incidents: one open incident per cause, however often it occurs.

Recording the same occurrence twice has no effect, so a sensor may read everything again instead of
keeping a cursor.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.operations import incidents


class IncidentKind(StrEnum):
    """Kind of failure.

    Dagster run, asset check, webhook, message channel, router, roster file, PDF.
    """

    RUN = "run"
    CHECK = "check"
    WEBHOOK = "webhook"
    CHANNEL = "channel"
    ROUTER = "router"
    ROSTER = "roster"
    DOCUMENT = "document"


_IS_UNREPORTED = and_(incidents.c.resolved_at.is_(None), incidents.c.notified_at.is_(None))


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One failure; `at` distinguishes it from others of the same cause."""

    cause: str
    kind: IncidentKind
    message: str
    at: datetime
    event_slug: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident; resolved once its cause was found to be gone."""

    id: int
    cause: str
    kind: IncidentKind
    event_slug: str | None
    message: str
    occurrences: int
    last_run_id: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None


def record_occurrence(connection: Connection, occurrence: Occurrence) -> bool:
    """Count an occurrence on the open incident of its cause, or open one. False if known."""
    known = exists().where(
        incidents.c.cause == occurrence.cause,
        or_(incidents.c.last_seen_at >= occurrence.at, incidents.c.resolved_at >= occurrence.at),
    )
    event_id = select(events.c.id).where(events.c.slug == occurrence.event_slug).scalar_subquery()
    line = {
        "cause": literal(occurrence.cause),
        "kind": literal(occurrence.kind.value),
        "event_id": event_id,
        "message": literal(occurrence.message),
        "occurrences": literal(1),
        "last_run_id": literal(occurrence.run_id),
        "first_seen_at": literal(occurrence.at),
        "last_seen_at": literal(occurrence.at),
    }
    statement = insert(incidents).from_select(list(line), select(*line.values()).where(~known))
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[incidents.c.cause],
        index_where=incidents.c.resolved_at.is_(None),
        set_={
            "occurrences": incidents.c.occurrences + 1,
            "message": new.message,
            "last_run_id": new.last_run_id,
            "last_seen_at": func.greatest(incidents.c.last_seen_at, new.last_seen_at),
        },
    )
    return connection.execute(statement.returning(incidents.c.id)).first() is not None


def resolve(connection: Connection, cause: str, *, at: datetime) -> bool:
    """Close the incident of a cause that was gone at `at`. Return False if none was open."""
    was_open = and_(
        incidents.c.cause == cause,
        incidents.c.resolved_at.is_(None),
        incidents.c.last_seen_at < at,
    )
    statement = update(incidents).where(was_open).values(resolved_at=at)
    return connection.execute(statement).rowcount == 1


def list_open(connection: Connection) -> list[Incident]:
    """Return the open incidents, latest first."""
    return _list_incidents(connection, incidents.c.resolved_at.is_(None))


def get_last_seen(connection: Connection, cause_prefix: str) -> dict[str, datetime]:
    """Return when each open incident of causes with this prefix was last seen, by cause."""
    is_open = incidents.c.resolved_at.is_(None)
    query = select(incidents.c.cause, incidents.c.last_seen_at).where(
        is_open, incidents.c.cause.startswith(cause_prefix, autoescape=True)
    )
    return {row.cause: row.last_seen_at for row in connection.execute(query)}


def has_unreported(connection: Connection) -> bool:
    """Return whether there is an open incident without a notification."""
    return connection.execute(select(exists().where(_IS_UNREPORTED))).scalar_one()


def is_open(connection: Connection, cause: str) -> bool:
    """Return whether the incident of a cause is open."""
    is_of_cause = and_(incidents.c.cause == cause, incidents.c.resolved_at.is_(None))
    return connection.execute(select(exists().where(is_of_cause))).scalar_one()


def is_any_open(connection: Connection, ids: Collection[int]) -> bool:
    """Return whether one of these incidents is open."""
    is_open = and_(incidents.c.id.in_(ids), incidents.c.resolved_at.is_(None))
    return connection.execute(select(exists().where(is_open))).scalar_one()


def claim_unreported(connection: Connection, *, at: datetime) -> list[Incident]:
    """Mark the open incidents without a notification as notified; return them, oldest first."""
    query = update(incidents).where(_IS_UNREPORTED).values(notified_at=at).returning(incidents.c.id)
    ids = set(connection.execute(query).scalars())
    return _list_incidents(connection, incidents.c.id.in_(ids))[::-1] if ids else []


def list_latest(connection: Connection, limit: int = 100) -> list[Incident]:
    """Return the latest incidents, open or resolved, latest first."""
    return _list_incidents(connection, limit=limit)


def _list_incidents(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[Incident]:
    query = (
        select(
            incidents.c.id,
            incidents.c.cause,
            incidents.c.kind,
            events.c.slug.label("event_slug"),
            incidents.c.message,
            incidents.c.occurrences,
            incidents.c.last_run_id,
            incidents.c.first_seen_at,
            incidents.c.last_seen_at,
            incidents.c.resolved_at,
        )
        .join_from(incidents, events, incidents.c.event_id == events.c.id, isouter=True)
        .where(*conditions)
        .order_by(incidents.c.last_seen_at.desc(), incidents.c.id.desc())
        .limit(limit)
    )
    rows = connection.execute(query).mappings()
    return [Incident(**{**row, "kind": IncidentKind(row["kind"])}) for row in rows]
