"""Arrears of all students after each completed sync, and one mail a day about changes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Connection, func, select, update

from ticketing.billing.differences import queries
from ticketing.billing.sync.run import RunStatus, SyncRun
from ticketing.platform.db import outbox
from ticketing.platform.db.tables.billing import payment_record_versions, sync_runs
from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE

MAX_POINTS = 90


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """The arrears of all present students at the end of a sync."""

    at: datetime
    arrears: Decimal


def close_statement(connection: Connection, run: SyncRun, *, at: datetime) -> None:
    """Store the arrears after a completed run, and enqueue the day's mail; again changes nothing.

    The mail goes to the organiser if the run changed anything, once a day: that is the nightly one.
    """
    if run.status != RunStatus.COMPLETED:
        return
    groups = queries.sum_by_group(connection, run.source)
    arrears = sum((row.arrears for row in groups), Decimal(0))
    connection.execute(update(sync_runs).where(sync_runs.c.id == run.id).values(arrears=arrears))
    changes = _count_changes(connection, run.id)
    if any(changes.values()):
        outbox.enqueue(
            connection, event_id=None, purpose=outbox.PAYMENT_STATEMENT,
            subject=f"{run.source} {at.astimezone(BUSINESS_TIME_ZONE):%Y-%m-%d}",
            recipient=outbox.ORGANISER,
            payload={
                **changes, "finished": at.isoformat(), "failed": run.failed,
                "students": sum(row.students for row in groups),
                "inArrears": sum(row._mapping["in arrears"] for row in groups),  # noqa: SLF001
                "arrears": str(arrears),
            },
        )  # fmt: skip


def list_trend(connection: Connection, source: str) -> list[TrendPoint]:
    """Return the arrears after the last completed runs, the oldest first."""
    query = (
        select(sync_runs.c.finished_at, sync_runs.c.arrears)
        .where(sync_runs.c.source == source, sync_runs.c.arrears.is_not(None))
        .order_by(sync_runs.c.id.desc())
        .limit(MAX_POINTS)
    )
    return [TrendPoint(*row) for row in reversed(connection.execute(query).all())]


def _count_changes(connection: Connection, run_id: int) -> dict[str, int]:
    version = payment_record_versions.c
    later = version.number > 1
    query = select(
        func.count().filter(version.number == 1).label("first"),
        func.coalesce(func.sum(version.appeared).filter(later), 0).label("appeared"),
        func.coalesce(func.sum(version.changed).filter(later), 0).label("changed"),
        func.coalesce(func.sum(version.vanished).filter(later), 0).label("vanished"),
    ).where(version.run_id == run_id)
    return {name: int(value) for name, value in connection.execute(query).mappings().one().items()}
