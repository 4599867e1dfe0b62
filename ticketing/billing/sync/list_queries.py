"""Queries about the list of students: store it, and compare it with the students known before."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, func, literal, not_, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.billing.sources.contract import ListedStudent
from ticketing.platform.db.tables.billing import students, sync_items, sync_runs


def add_listed(
    connection: Connection,
    run_id: int,
    source: str,
    listed: Sequence[ListedStudent],
    *,
    at: datetime,
) -> None:
    """Store students of the list, and an item of the run for each."""
    rows = [
        {
            "source": source, "external_id": one.external_id, "name": one.name,
            "group_name": one.group, "active": one.active, "listed_first_at": at,
        }
        for one in listed
    ]  # fmt: skip
    statement = insert(students)
    new = statement.excluded
    same = and_(
        students.c.name == new.name,
        students.c.group_name.is_not_distinct_from(new.group_name),
        students.c.active == new.active,
        students.c.left_at.is_(None),
    )
    connection.execute(
        statement.values(rows).on_conflict_do_update(
            index_elements=["source", "external_id"],
            set_={"name": new.name, "group_name": new.group_name, "active": new.active,
                  "left_at": None},
            where=not_(same),
        )
    )  # fmt: skip
    items = insert(sync_items).from_select(
        ["run_id", "student_id"],
        select(literal(run_id), students.c.id)
        .where(
            students.c.source == source,
            students.c.external_id.in_([one.external_id for one in listed]),
        )
        .order_by(students.c.id),
    )
    connection.execute(items.on_conflict_do_nothing())


def add_failed_of(connection: Connection, run_id: int, other_run_id: int,
                  external_ids: Collection[str] | None) -> int:  # fmt: skip
    """Add an item for each student that failed in another run; return their number."""
    failed = (
        select(literal(run_id), sync_items.c.student_id)
        .join(students, students.c.id == sync_items.c.student_id)
        .where(sync_items.c.run_id == other_run_id, sync_items.c.state == "failed")
        .order_by(sync_items.c.id)
    )
    if external_ids is not None:
        failed = failed.where(students.c.external_id.in_(external_ids))
    statement = insert(sync_items).from_select(["run_id", "student_id"], failed)
    return len(connection.execute(statement.returning(sync_items.c.id)).all())


def count_absent(connection: Connection, run_id: int, source: str) -> tuple[int, int]:
    """Return how many students who had not left are not on the list, and how many there are."""
    row = connection.execute(
        select(func.count().filter(not_(_is_listed(run_id))), func.count()).where(
            students.c.source == source, students.c.left_at.is_(None)
        )
    ).one()
    return row[0], row[1]


def mark_absent_as_left(connection: Connection, run_id: int, source: str, *, at: datetime) -> int:
    """Set the time of leaving for students who are not on a run's list; keep their records."""
    done = connection.execute(
        update(students)
        .where(students.c.source == source, students.c.left_at.is_(None), not_(_is_listed(run_id)))
        .values(left_at=at)
    )
    return done.rowcount


def _is_listed(run_id: int) -> ColumnElement[bool]:
    return (
        select(sync_items.c.id)
        .where(sync_items.c.run_id == run_id, sync_items.c.student_id == students.c.id)
        .exists()
    )


def forget_items_before(connection: Connection, source: str, *, kept_runs: int) -> int:
    """Delete the items of all but the latest runs, and return their number.

    Students keep when they were last confirmed.
    """
    latest = (
        select(sync_runs.c.id)
        .where(sync_runs.c.source == source)
        .order_by(sync_runs.c.id.desc())
        .offset(kept_runs)
        .limit(1)
        .scalar_subquery()
    )
    old = (
        select(sync_items.c.id, sync_items.c.student_id, sync_items.c.state,
               sync_items.c.finished_at)
        .join(sync_runs, sync_runs.c.id == sync_items.c.run_id)
        .where(sync_runs.c.source == source, sync_runs.c.id <= latest)
        .cte("old")
    )  # fmt: skip
    confirmed = (
        select(old.c.student_id, func.max(old.c.finished_at).label("at"))
        .where(old.c.state == "succeeded")
        .group_by(old.c.student_id)
        .cte("confirmed")
    )
    connection.execute(
        update(students)
        .where(students.c.id == confirmed.c.student_id, students.c.fetched_at < confirmed.c.at)
        .values(fetched_at=confirmed.c.at)
    )
    done = connection.execute(delete(sync_items).where(sync_items.c.id.in_(select(old.c.id))))
    return done.rowcount
