"""Checks of synced payment records, as results with their first violations."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, or_, select

from ticketing.billing.sync import item_queries
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.tables.billing import payment_records, students, sync_items, sync_runs
from ticketing.platform.kernel.invariant import MAX_VIOLATIONS_KEPT, InvariantResult, Violation
from ticketing.platform.kernel.wall_clock import format_clock

MAX_FAILED_SHARE = 0.02  # of the students of a run, by class of failure


def confirmed_at() -> ColumnElement[datetime]:
    """Return when a student's record was last fetched or found unchanged; null: never."""
    settled = (
        select(func.max(sync_items.c.finished_at))
        .where(sync_items.c.student_id == students.c.id, sync_items.c.state == "succeeded")
        .correlate(students)
        .scalar_subquery()
    )
    return func.greatest(students.c.fetched_at, settled)


def check_freshness(
    connection: Connection, source: str, *, max_age: timedelta, at: datetime
) -> InvariantResult:
    """Check that the record of each present student was confirmed recently."""
    present = (students.c.source == source) & students.c.left_at.is_(None)
    known = select(students.c.external_id, confirmed_at().label("confirmed")).where(present)
    rows = known.subquery().c
    is_stale = or_(rows.confirmed.is_(None), rows.confirmed < at - max_age)
    total = connection.execute(select(func.count()).select_from(students).where(present))
    stale = connection.execute(select(func.count()).where(is_stale)).scalar_one()
    first = connection.execute(
        select(rows.external_id, rows.confirmed)
        .where(is_stale)
        .order_by(rows.confirmed.nulls_first())
        .limit(MAX_VIOLATIONS_KEPT)
    )
    violations = [
        Violation(
            row.external_id,
            f"last fetched {format_clock(row.confirmed)}" if row.confirmed else "never fetched",
        )
        for row in first
    ]
    count = total.scalar_one()
    return InvariantResult(count, count, stale, violations)


def check_failures(connection: Connection, run: SyncRun) -> InvariantResult:
    """Check that no class of failures has more than 2 % of the students of a run."""
    limit = run.total * MAX_FAILED_SHARE
    by_class = item_queries.count_failures(connection, run.id)
    violations = [
        Violation(name, f"{count:,} of {run.total:,} students")
        for name, count in by_class.items()
        if count > limit
    ]
    return InvariantResult.from_violations(run.total, violations)


def check_duplicates(connection: Connection, run: SyncRun) -> InvariantResult:
    """Check that the source listed no student twice."""
    query = select(sync_runs.c.list_duplicates).where(sync_runs.c.id == run.id)
    twice = int(connection.execute(query).scalar_one())
    problem = f"{twice:,} students were listed more than once"
    found = [Violation(run.source, problem)] if twice else []
    return InvariantResult(run.total, run.total, twice, found)


def check_states(connection: Connection, source: str) -> InvariantResult:
    """Check that the source states of each bill what its amounts show."""
    bill = payment_records.c
    present = (students.c.source == source) & bill.vanished_at.is_(None)
    listed = payment_records.join(students, students.c.id == bill.student_id)
    disagrees = bill.stated_state.is_not(None) & (bill.stated_state != bill.state)
    # what is waived owes nothing, so calling it paid is no contradiction
    disagrees &= ~((bill.state == "waived") & (bill.stated_state == "paid"))
    counts = select(func.count(), func.count().filter(disagrees)).select_from(listed)
    total, found = connection.execute(counts.where(present)).one()
    first = connection.execute(
        select(students.c.external_id, bill.source_ref, bill.stated_state, bill.state)
        .select_from(listed)
        .where(present, disagrees)
        .order_by(bill.id)
        .limit(MAX_VIOLATIONS_KEPT)
    )
    violations = [
        Violation(f"{row.external_id} {row.source_ref}", f"stated {row.stated_state}, {row.state}")
        for row in first
    ]
    return InvariantResult(total, total, found, violations)
