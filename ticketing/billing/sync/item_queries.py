"""Queries about items: one student of one run, from the list to a result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Connection,
    DateTime,
    Integer,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    not_,
    select,
    update,
)

from ticketing.billing.sources.contract import FailureClass
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.lease_holder import holder_number
from ticketing.platform.db.tables.billing import students, sync_items
from ticketing.platform.db.work_queue import WorkQueue

# longer than a student may take
ITEM_LEASE = timedelta(seconds=660)
_QUEUE = WorkQueue(
    table=sync_items,
    is_open=and_(sync_items.c.state == "open", not_(sync_items.c.is_deferred)),
    lease=ITEM_LEASE,
    claimed_until=sync_items.c.claimed_until,
    claimed_by=sync_items.c.claimed_by,
)


@dataclass(frozen=True, slots=True)
class ClaimedItem:
    """An item that this process asks for, and what is stored of its student."""

    id: int
    student_id: int
    external_id: str
    checksum: str | None
    etag: str | None
    mapping_version: str | None
    attempt_count: int
    first_failed_at: datetime | None
    was_deferred: bool


@dataclass(frozen=True, slots=True)
class FailedItem:
    """An item that failed, for the list of failures."""

    id: int
    external_id: str
    name: str
    group_name: str | None
    failure: str
    message: str
    attempt_count: int
    finished_at: datetime


def claim(connection: Connection, run_id: int, *, limit: int, at: datetime) -> list[ClaimedItem]:
    """Claim open items that are due."""
    due = (
        select(sync_items.c.id)
        .where(sync_items.c.run_id == run_id, _QUEUE.is_claimable(at))
        .order_by(sync_items.c.id)
        .limit(limit)
    )
    rows = _QUEUE.claim(connection, due, at=at)
    stored = (
        select(
            sync_items.c.id, sync_items.c.student_id, students.c.external_id, students.c.checksum,
            students.c.etag, students.c.mapping_version, sync_items.c.attempt_count,
            sync_items.c.first_failed_at,
            sync_items.c.failure.is_not_distinct_from(FailureClass.NOT_FOUND),
        )
        .join(students, students.c.id == sync_items.c.student_id)
        .where(sync_items.c.id.in_([row[0] for row in rows]))
        .order_by(sync_items.c.id)
    )  # fmt: skip
    return [ClaimedItem(*row) for row in connection.execute(stored)]


def release(connection: Connection, run_id: int) -> None:
    """Give back what this process has claimed and not asked for."""
    connection.execute(
        update(sync_items)
        .where(
            sync_items.c.run_id == run_id,
            sync_items.c.state == "open",
            sync_items.c.claimed_by == holder_number(connection),
        )
        .values(_QUEUE.unclaimed)
    )


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The result of an item, as columns; `state` open leaves it for another attempt."""

    id: int
    state: str
    outcome: str | None = None
    failure: str | None = None
    message: str = ""
    attempts: int = 0  # that count, with this one
    first_failed_at: datetime | None = None
    is_deferred: bool = False
    next_attempt_at: datetime | None = None
    held_record: Any = None


def settle(connection: Connection, results: Sequence[ItemResult], *, at: datetime) -> set[int]:
    """Write results in one statement; return the ids of the items that were still open.

    The others were settled by a process that took them over.
    """
    if not results:
        return set()
    given = cast([_to_json(one) for one in results], JSON)
    new = func.json_to_recordset(given).table_valued(*_RESULT_COLUMNS).render_derived(
        with_types=True
    )  # fmt: skip
    is_open = new.c.state == "open"
    statement = (
        update(sync_items)
        .where(sync_items.c.id == new.c.id, sync_items.c.state == "open")
        .values(
            state=new.c.state,
            outcome=new.c.outcome,
            failure=new.c.failure,
            message=new.c.message,
            attempt_count=new.c.attempts,
            first_failed_at=new.c.first_failed_at,
            is_deferred=new.c.is_deferred,
            held_record=new.c.held_record,
            claimed_by=None,
            claimed_until=case((is_open, new.c.next_attempt_at)),
            finished_at=case((~is_open, literal(at))),
        )
    )
    return set(connection.execute(statement.returning(sync_items.c.id)).scalars())


_RESULT_COLUMNS = (
    column("id", BigInteger), column("state", Text), column("outcome", Text),
    column("failure", Text), column("message", Text), column("attempts", Integer),
    column("first_failed_at", DateTime(timezone=True)), column("is_deferred", Boolean),
    column("next_attempt_at", DateTime(timezone=True)), column("held_record", JSON),
)  # fmt: skip


def _to_json(result: ItemResult) -> dict[str, Any]:
    values = {name: getattr(result, name) for name in ItemResult.__dataclass_fields__}
    times = ("first_failed_at", "next_attempt_at")
    return values | {name: values[name] and values[name].isoformat() for name in times}


@dataclass(frozen=True, slots=True)
class OpenItems:
    """What a run has left: items to ask for, those that wait for the end, the next due time."""

    open: int
    deferred: int
    next_due_at: datetime | None


def count_open(connection: Connection, run_id: int, *, at: datetime) -> OpenItems:
    """Return what a run has left."""
    deferred = sync_items.c.is_deferred
    row = connection.execute(
        select(
            func.count().filter(not_(deferred)),
            func.count().filter(deferred),
            func.min(func.coalesce(sync_items.c.claimed_until, at)).filter(not_(deferred)),
        ).where(sync_items.c.run_id == run_id, sync_items.c.state == "open")
    ).one()
    return OpenItems(*row)


def settle_deferred(connection: Connection, run_id: int, *, again: bool, at: datetime) -> int:
    """Ask again for the students that the source did not know, or let them fail."""
    failed = {"state": "failed", "finished_at": at, "is_deferred": False}
    values = {"is_deferred": False} if again else failed
    done = connection.execute(
        update(sync_items)
        .where(
            sync_items.c.run_id == run_id, sync_items.c.state == "open", sync_items.c.is_deferred
        )
        .values(values | _QUEUE.unclaimed)
    )
    return done.rowcount


def list_failed(
    connection: Connection, run_id: int, *, after_id: int = 0, limit: int = 100
) -> list[FailedItem]:
    """Return failed items of a run, by id."""
    statement = (
        select(*columns_of(FailedItem, sync_items, students))
        .join(students, students.c.id == sync_items.c.student_id)
        .where(
            sync_items.c.run_id == run_id,
            sync_items.c.state == "failed",
            sync_items.c.id > after_id,
        )
        .order_by(sync_items.c.id)
        .limit(limit)
    )
    return [FailedItem(*row) for row in connection.execute(statement)]


def count_failures(connection: Connection, run_id: int) -> dict[str, int]:
    """Return the number of failed students by failure class."""
    statement = (
        select(sync_items.c.failure, func.count())
        .where(sync_items.c.run_id == run_id, sync_items.c.state == "failed")
        .group_by(sync_items.c.failure)
        .order_by(sync_items.c.failure)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}
