"""Queries about fetched records that are held and not applied."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, null, select, update

from ticketing.platform.db.tables.billing import students, sync_items, sync_runs

_IS_HELD = sync_items.c.outcome == "held"


def count_held(connection: Connection, run_id: int) -> int:
    """Return how many records of a run are held."""
    statement = select(func.count()).where(sync_items.c.run_id == run_id, _IS_HELD)
    return connection.execute(statement).scalar_one()


def lock_held(connection: Connection, run_id: int, *, limit: int) -> Sequence[Row[int, int, Any]]:
    """Return held items with their records; their students are locked first, as elsewhere."""
    statement = (
        select(sync_items.c.id, sync_items.c.student_id, sync_items.c.held_record)
        .join(students, students.c.id == sync_items.c.student_id)
        .where(sync_items.c.run_id == run_id, _IS_HELD)
        .order_by(sync_items.c.student_id)
        .limit(limit)
        .with_for_update(of=students)
    )
    return connection.execute(statement).all()


def mark_applied(connection: Connection, item_ids: Sequence[int]) -> None:
    """Record that held records were stored."""
    connection.execute(
        update(sync_items)
        .where(sync_items.c.id.in_(item_ids), _IS_HELD)
        .values(outcome="changed", held_record=null())
    )


def discard(connection: Connection, source: str, *, before_run: int) -> None:
    """Discard what runs of a source before another one hold."""
    runs = select(sync_runs.c.id).where(sync_runs.c.source == source, sync_runs.c.id < before_run)
    connection.execute(
        update(sync_items)
        .where(_IS_HELD, sync_items.c.run_id.in_(runs))
        .values(outcome="discarded", held_record=null())
    )
    for held in (sync_runs.c.held_leavers, sync_runs.c.held_records):
        connection.execute(
            update(sync_runs)
            .where(sync_runs.c.id.in_(runs), held == "held")
            .values({held: "discarded"})
        )
