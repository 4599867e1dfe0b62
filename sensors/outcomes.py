"""Outcomes of checks and steps, reported as incidents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind, Occurrence


@dataclass(frozen=True, slots=True)
class Outcome:
    """Latest outcome of what `cause` names; `failure` is None when it succeeded."""

    kind: IncidentKind
    cause: str
    event_slug: str | None
    run_id: str | None
    at: datetime
    failure: str | None


def report_outcomes(connection: Connection, outcomes: Sequence[Outcome]) -> str:
    """Open or count an incident for every failure, and close those of successes; describe it."""
    reported = sum(
        incidents.record_occurrence(
            connection,
            Occurrence(one.cause, one.kind, one.failure, one.at, one.event_slug, one.run_id),
        )
        for one in outcomes
        if one.failure is not None
    )
    resolved = sum(
        incidents.resolve(connection, one.cause, at=one.at)
        for one in outcomes
        if one.failure is None
    )
    return f"{reported} failures reported, {resolved} resolved"
