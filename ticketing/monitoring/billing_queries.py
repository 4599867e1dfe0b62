"""Figures of the sync of payment records for metrics and the doctor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, select

from ticketing.billing.differences.check_queries import confirmed_at
from ticketing.billing.sync import item_queries
from ticketing.platform.db.tables.billing import billing_sources, students, sync_runs


@dataclass(frozen=True, slots=True)
class SyncFigures:
    """The last run of a source by state of its students, and the age of what is stored.

    `rate` is the allowed number of requests a second; `oldest` is None if a present student's
    record was never fetched, or there are no students.
    """

    source: str
    rate: float
    succeeded: int = 0
    failed: int = 0
    open: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    completed_at: datetime | None = None
    students: int = 0
    never_fetched: int = 0
    oldest: datetime | None = None


def list_sync_figures(connection: Connection) -> list[SyncFigures]:
    """Return the figures of each source."""
    sources = connection.execute(select(billing_sources.c.name, billing_sources.c.rate))
    return [_figures(connection, row.name, row.rate) for row in sources.all()]


def _figures(connection: Connection, source: str, rate: float) -> SyncFigures:
    of_source = sync_runs.c.source == source
    last = connection.execute(
        select(*sync_runs.c["id", "total", "succeeded", "failed"])
        .where(of_source)
        .order_by(sync_runs.c.id.desc())
        .limit(1)
    ).one_or_none()
    completed = connection.execute(
        select(func.max(sync_runs.c.finished_at)).where(
            of_source, sync_runs.c.status == "completed"
        )
    ).scalar_one()
    rows = (
        select(confirmed_at().label("at"))
        .where(students.c.source == source, students.c.left_at.is_(None))
        .subquery()
    )
    stored = connection.execute(
        select(func.count(), func.count(rows.c.at), func.min(rows.c.at)).select_from(rows)
    ).one()
    present, fetched, oldest = stored
    return SyncFigures(
        source, rate,
        succeeded=last.succeeded if last else 0,
        failed=last.failed if last else 0,
        open=last.total - last.succeeded - last.failed if last else 0,
        failures=item_queries.count_failures(connection, last.id) if last else {},
        completed_at=completed,
        students=present,
        never_fetched=present - fetched,
        oldest=oldest,
    )  # fmt: skip
