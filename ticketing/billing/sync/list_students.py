"""Store the source's list of students as items of a run, complete or not at all."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime

from ticketing.billing.sources.contract import (
    BillingSource,
    FailedFetch,
    FailureClass,
    ListedStudent,
    SourceError,
)
from ticketing.billing.sync import held_changes, list_queries, run_queries
from ticketing.billing.sync.failure_policy import FREE_OF_CHARGE, POLICIES, throttle_seconds
from ticketing.billing.sync.pacing.pacer import Pacer
from ticketing.billing.sync.records.record_change import is_storable, storable
from ticketing.billing.sync.run import LogLevel, SyncRun
from ticketing.platform.db.database import Database

BATCH = 500
MAX_THROTTLED = 20


class ListStopped(Exception):
    """The list cannot be read, also not by another try."""

    def __init__(self, failed: FailedFetch) -> None:
        super().__init__(failed.message)
        self.failed = failed


async def store_list(
    database: Database,
    source: BillingSource,
    run: SyncRun,
    pacer: Pacer,
    clock: Callable[[], datetime],
    *,
    is_erased: Callable[[str], bool],
) -> None:
    """Read the list to its end and store it; what is stored of a list that breaks off is kept.

    Raises ListStopped, and PacerClosed when nobody may ask any more.
    """
    attempts = throttled = 0
    while True:
        try:
            listed = await _read(database, source, run, pacer, clock, is_erased=is_erased)
        except SourceError as error:
            if error.failure is FailureClass.THROTTLED and throttled < MAX_THROTTLED:
                throttled += 1
                await pacer.refused(throttle_seconds(error.retry_after))
                await pacer.slot()
                continue
            attempts += 1
            wait = _wait_seconds(error, attempts)
            if wait is None:
                raise ListStopped(_failed(error)) from error
            await asyncio.sleep(wait)
        else:
            await asyncio.to_thread(_close, database, run, listed, clock())
            return


async def _read(
    database: Database,
    source: BillingSource,
    run: SyncRun,
    pacer: Pacer,
    clock: Callable[[], datetime],
    *,
    is_erased: Callable[[str], bool],
) -> int:
    batch, count = list[ListedStudent](), 0
    async for student in source.list_students():
        pacer.require_open()
        if is_erased(student.external_id):
            continue
        count += 1
        batch.append(_storable(student))
        if len(batch) >= BATCH:
            await _store(database, run, batch, clock())
            batch = []
    if batch:
        await _store(database, run, batch, clock())
    return count


async def _store(
    database: Database, run: SyncRun, batch: list[ListedStudent], at: datetime
) -> None:
    unique = list({student.external_id: student for student in batch}.values())
    await asyncio.to_thread(
        database.run, list_queries.add_listed, run.id, run.source, unique, at=at
    )


def _storable(student: ListedStudent) -> ListedStudent:
    if not student.external_id or not is_storable(student.external_id):
        raise SourceError(
            FailureClass.BAD_DATA,
            f"the id {student.external_id[:40]!r} of the list of students cannot be stored;"
            " correct it in the source",
        )
    group = None if student.group is None else storable(student.group)
    return ListedStudent(student.external_id, storable(student.name), group, student.active)


def _close(database: Database, run: SyncRun, listed: int, at: datetime) -> None:
    with database.transaction() as connection:
        stored = run_queries.get_view(connection, run.id, at=at).run
        duplicates = max(listed - stored.total, 0)
        held_changes.close_list(connection, stored, listed=listed, at=at)
        run_queries.update_run(connection, run.id, {"list_duplicates": duplicates})
        code = "listed_twice" if duplicates else "listed"
        run_queries.append_log(connection, run.id, LogLevel.INFO, code, at=at,
                               count=stored.total, duplicates=duplicates)  # fmt: skip


def _wait_seconds(error: SourceError, attempts: int) -> float | None:
    policy = POLICIES.get(error.failure)
    if policy is None or error.failure in FREE_OF_CHARGE:
        return None
    delay = policy.delay(attempts, jitter=random.random())  # noqa: S311 - spreads retries
    return None if delay is None else delay.total_seconds()


def _failed(error: SourceError) -> FailedFetch:
    return FailedFetch("", error.failure, str(error), error.retry_after, stops_run=True)
