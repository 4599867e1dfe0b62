"""Drives one run: list the students, ask for each record in time, write the results.

One event loop sends requests and never waits for the database, which is called in threads. What a
run has done stands in its items, so the process may be killed between any two lines.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

import structlog

from ticketing.billing.sources.contract import (
    BillingSource,
    FailedFetch,
    FailureClass,
    FetchedRecord,
    FetchOutcome,
    NotModified,
)
from ticketing.billing.sync import item_queries, run_queries
from ticketing.billing.sync.failure_policy import (
    STUDENT_TIME_LIMIT,
    SourceHealth,
    asks_again_for_not_found,
)
from ticketing.billing.sync.item_queries import ClaimedItem
from ticketing.billing.sync.list_students import ListStopped, store_list
from ticketing.billing.sync.pacing.concurrency import Concurrency
from ticketing.billing.sync.pacing.pacer import Pacer, PacerClosed
from ticketing.billing.sync.records.record_change import find_unstorable
from ticketing.billing.sync.run import SyncRun
from ticketing.billing.sync.settle_results import Attempt, AttemptWriter
from ticketing.billing.sync.tasks import cancel, finish, first
from ticketing.platform.db.database import Database

LOG = structlog.stdlib.get_logger("ticketing.billing.sync")
HEARTBEAT_SECONDS, SAMPLE_SECONDS, MAX_SAMPLES = 0.5, 1.0, 60
WRITE_SECONDS, WRITE_BATCH = 0.25, 200
MIN_CLAIM, MAX_CLAIM, CLAIM_SECONDS = 20, 500, 1.0
IDLE_SECONDS = 0.2  # between looks for items whose next attempt is due
GRACE_SECONDS = 1.0  # for requests in progress when a run is cancelled

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the engine stopped: `cancelled`, `released`, `lost`, or `failed` with the failure."""

    reason: str
    failed: FailedFetch | None = None


@dataclass
class SyncEngine:
    """Asks one source for the students of one run, which the caller has claimed."""

    database: Database
    source: BillingSource
    run: SyncRun
    pacer: Pacer
    clock: Callable[[], datetime]
    concurrency: int
    should_stop: Callable[[], bool]
    is_erased: Callable[[str], bool]
    _ending: asyncio.Future[Ending] = field(init=False)
    _items: "asyncio.Queue[ClaimedItem]" = field(init=False)
    _attempts: "asyncio.Queue[Attempt]" = field(init=False)
    _health: SourceHealth = field(default_factory=SourceHealth)
    _in_progress: int = 0  # items claimed and not written yet
    _written: asyncio.Event = field(default_factory=asyncio.Event)
    _asking: set[asyncio.Task[Any]] = field(default_factory=set)

    async def drive(self) -> Ending | None:
        """Work until every item has a result (None), or something ends it."""
        self._ending = asyncio.get_running_loop().create_future()
        self._items, self._attempts = asyncio.Queue(), asyncio.Queue(2 * WRITE_BATCH)
        background = [asyncio.create_task(work) for work in (self._beat(), self.pacer.keep_rate())]
        work = asyncio.create_task(self._work())
        try:
            await first(work, self._ending, *background)
            for task in background:
                if task.done():
                    task.result()  # raises
            if work.done() and not self._ending.done():
                await work  # raises
                return None
            self.pacer.close()
            await asyncio.wait({work}, timeout=3 * GRACE_SECONDS)
            return self._ending.result() if self._ending.done() else None
        finally:
            self.pacer.close()
            await cancel(work, *background)
            if not (self._ending.done() and self._ending.result().reason == "lost"):
                await self._call(item_queries.release, self.run.id)

    async def _work(self) -> None:
        try:
            if self.run.listed_at is None:
                await store_list(
                    self.database,
                    self.source,
                    self.run,
                    self.pacer,
                    self.clock,
                    is_erased=self.is_erased,
                )
                view = await self._call(run_queries.get_view, self.run.id, at=self.clock())
                self.run = view.run
        except ListStopped as stopped:
            self._end(Ending("failed", stopped.failed))
            return
        except PacerClosed:
            return
        await self._ask_for_all()

    # --- asking

    async def _ask_for_all(self) -> None:
        gate = Concurrency(self.concurrency)
        fetchers = [
            asyncio.create_task(self._fetch_loop(number, gate))
            for number in range(self.concurrency)
        ]
        writer = asyncio.create_task(self._write_loop())
        feeder = asyncio.create_task(self._feed())
        try:
            await first(feeder, writer, self._ending, *fetchers)
            if self._ending.done():
                self.pacer.close()
                await cancel(*(task for task in fetchers if task not in self._asking))
                if self._asking:
                    await asyncio.wait(self._asking.copy(), timeout=GRACE_SECONDS)
            for task in (feeder, writer, *fetchers):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            await cancel(feeder, *fetchers)
            await cancel(writer)
            await self._write_rest()

    async def _feed(self) -> None:
        """Claim items ahead of the fetchers until none is left."""
        wanted = MIN_CLAIM
        while not self._ending.done():
            if self._items.qsize() > wanted // 2:
                await asyncio.sleep(IDLE_SECONDS / 4)
                continue
            wanted = min(max(int(self.pacer.rate * CLAIM_SECONDS), MIN_CLAIM), MAX_CLAIM)
            claimed = await self._call(
                item_queries.claim, self.run.id, limit=wanted, at=self.clock()
            )
            self._in_progress += len(claimed)
            for item in claimed:
                self._items.put_nowait(item)
            if not claimed and await self._is_done():
                return

    async def _is_done(self) -> bool:
        """Return whether no item is open; decide about the students that were not found."""
        if self._in_progress:
            self._written.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._written.wait(), IDLE_SECONDS)
            return False
        left = await self._call(item_queries.count_open, self.run.id, at=self.clock())
        if left.open:
            await asyncio.sleep(IDLE_SECONDS)
            return False
        if not left.deferred:
            return True
        again = asks_again_for_not_found(left.deferred, self.run.total)
        await self._call(item_queries.settle_deferred, self.run.id, again=again, at=self.clock())
        return not again

    async def _fetch_loop(self, number: int, gate: Concurrency) -> None:
        with suppress(PacerClosed):
            while True:
                await gate.turn(number, lambda: self._health.is_probing)
                item = await self._items.get()
                await self.pacer.slot()
                if number and self._health.is_probing:  # since the breaker opened
                    self._items.put_nowait(item)
                    continue
                await self._ask(item, gate)

    async def _ask(self, item: ClaimedItem, gate: Concurrency) -> None:
        """Make an attempt and hand on what came of it; it is not cancelled at once."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._asking.add(task)
        try:
            outcome = await self._fetch(item)
            gate.record(is_timeout=_is(outcome, FailureClass.TIMEOUT))
            await self._record(item, outcome)
        finally:
            self._asking.discard(task)

    async def _fetch(self, item: ClaimedItem) -> FetchOutcome:
        etag = item.etag if item.mapping_version == self.source.mapping_version else None
        try:
            async with asyncio.timeout(STUDENT_TIME_LIMIT.total_seconds()):
                outcome = await self.source.fetch_record(item.external_id, etag)
        except TimeoutError:
            return FailedFetch(item.external_id, FailureClass.TIMEOUT, "no answer in 600 seconds")
        if isinstance(outcome, NotModified) and etag is None:
            return FailedFetch(item.external_id, FailureClass.BAD_DATA,
                               "the source says `not modified`, but was sent no etag")  # fmt: skip
        problem = find_unstorable(outcome) if isinstance(outcome, FetchedRecord) else ""
        if problem:
            return FailedFetch(item.external_id, FailureClass.BAD_DATA, problem)
        return outcome

    async def _record(self, item: ClaimedItem, outcome: FetchOutcome) -> None:
        await self._attempts.put(Attempt(item, outcome))
        if not isinstance(outcome, FailedFetch):
            self.pacer.passed()
            self._health.record_success()
            # a source may say that its limit is used up for some seconds
            pause: float | None = getattr(outcome, "pause", None)
            if pause:
                await self.pacer.pause(pause)
            return
        action = self._health.record_failure(outcome, at=time.monotonic())
        if action.stop is not None:
            self._end(Ending("failed", action.stop))
        elif outcome.failure is FailureClass.THROTTLED:
            await self.pacer.refused(action.pause_seconds)
        elif action.pause_seconds:
            await self.pacer.pause(action.pause_seconds)
        else:
            self.pacer.passed()

    # --- writing

    async def _write_loop(self) -> None:
        while True:
            batch = [await self._attempts.get()]
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(WRITE_SECONDS):
                        while len(batch) < min(WRITE_BATCH, self._in_progress):
                            batch.append(await self._attempts.get())
            finally:
                await self._write(batch)

    async def _write_rest(self) -> None:
        batch = list[Attempt]()
        with suppress(asyncio.QueueEmpty):
            while True:
                batch.append(self._attempts.get_nowait())
        if batch:
            await self._write(batch)

    async def _write(self, batch: list[Attempt]) -> None:
        writer = AttemptWriter(
            self.database, self.run.id, self.source.mapping_version, self.clock,
            random.random,
        )  # fmt: skip
        await finish(asyncio.to_thread(writer.write, batch))
        self._in_progress -= len(batch)
        self._written.set()

    # --- control

    async def _beat(self) -> None:
        """Renew the claim, keep samples of the progress, and notice a cancel."""
        samples = list[tuple[float, int]]()
        while True:
            row = await self._call(run_queries.heartbeat, self.run.id, samples, at=self.clock())
            if row is None:
                self._end(Ending("lost"))
            elif row.status == "cancelling":
                self._end(Ending("cancelled"))
            elif self.should_stop():
                self._end(Ending("released"))
            else:
                at = self.clock().timestamp()
                if not samples or at - samples[-1][0] >= SAMPLE_SECONDS:
                    samples = [*samples[1 - MAX_SAMPLES :], (at, row.succeeded + row.failed)]
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _end(self, ending: Ending) -> None:
        if not self._ending.done():
            self._ending.set_result(ending)

    async def _call(self, query: Callable[..., T], *arguments: Any, **named: Any) -> T:  # noqa: ANN401 - those of the query
        return await finish(asyncio.to_thread(self.database.run, query, *arguments, **named))


def _is(outcome: FetchOutcome, failure: FailureClass) -> bool:
    return isinstance(outcome, FailedFetch) and outcome.failure is failure
