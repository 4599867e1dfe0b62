"""Issuing: a ticket for everyone who lacks one, or for the people asked for.

In chunks, one transaction each. The entitlements of a chunk are locked before anything is drawn, so
issuers side by side never serve one person twice, and a unique index stands behind that. A run that
was killed has lost at most the chunk it was writing; the next run finds those people again.
"""

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.hand_out import Counter, Failure, record_failures
from ticketing.actions.missing import is_over
from ticketing.actions.queues import EveryoneLacking, Page, PeopleAskedFor, Queue
from ticketing.domain.events import Event
from ticketing.signing.keys import KeyRing
from ticketing.signing.mint import Randomness
from ticketing.store import audit, batches
from ticketing.store.batches import Batch
from ticketing.store.database import Database

CHUNK = 2000
FAILURES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class IssueResult:
    """What a run has done so far, of `total` people.

    Skipped: has a live ticket. Failed: got none, among them everyone asked for by id who may not
    have one; whoever asks for a person expects a ticket and must hear why there is none.
    `failures` are the first thousand; the log table has them all.
    """

    total: int
    created: int
    skipped: int
    failed: int
    failures: tuple[Failure, ...]


@dataclass(slots=True)
class _Tally:
    """The counts of a run under way."""

    total: int
    skipped: int
    created: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, *, created: int, skipped: int, failures: list[Failure]) -> None:
        self.created += created
        self.skipped += skipped
        self.failed += len(failures)
        self.failures += failures[: FAILURES_KEPT - len(self.failures)]

    def result(self) -> IssueResult:
        return IssueResult(
            self.total, self.created, self.skipped, self.failed, tuple(self.failures)
        )


def issue(  # noqa: PLR0913 - one door for the page, the command and the asset, with all they offer
    database: Database,
    event: Event,
    *,
    keys: KeyRing,
    job_id: int,
    at: datetime,
    by: str,
    guest_ids: Iterable[int] | None = None,
    limit: int | None = None,
    chunk: int = CHUNK,
    randomness: Randomness = os.urandom,
    progress: Callable[[IssueResult], None] | None = None,
) -> IssueResult:
    """Issue what is missing; safe to repeat, to run twice at once, and to kill.

    `limit` is the most tickets to attempt; people who have one do not count. One person's failure
    stops nobody else: it is in the result and in the job's log.
    """
    with database.transaction() as connection:
        counter = Counter.opened(
            connection, event, keys=keys, job_id=job_id, at=at, randomness=randomness
        )
        queue = _queue(connection, event, guest_ids, at=at)
        tally = _Tally(queue.total, queue.skipped)
        begun = batches.begin(connection, job_id, total=tally.total, skipped=tally.skipped)
    left = sys.maxsize if limit is None else limit
    with counter.working_ahead(min(left, queue.total - queue.skipped)) as quick:
        while left > 0:
            with database.transaction() as connection:
                page = queue.next_page(connection, min(chunk, left))
                if page is None:
                    break
                _serve(connection, quick, page, tally)
            left -= len(page.people)
            if progress is not None:
                progress(tally.result())
    with database.transaction() as connection:
        _finish(connection, begun, tally, by=by)
    return tally.result()


def _queue(
    connection: Connection, event: Event, guest_ids: Iterable[int] | None, *, at: datetime
) -> Queue:
    over = is_over(event, at)
    if guest_ids is None:
        return EveryoneLacking(connection, event.id, over=over)
    return PeopleAskedFor(event.id, guest_ids, over=over)


def _serve(connection: Connection, counter: Counter, page: Page, tally: _Tally) -> None:
    """Hand out one page's tickets; counts and failures go with them or not at all."""
    refused = counter.hand_out(connection, page.people)
    failures = [*page.failures, *refused]
    created = len(page.people) - len(refused)
    record_failures(connection, counter, failures)
    batches.add_counts(connection, counter.terms.job_id, created=created, failed=len(failures))
    tally.add(created=created, skipped=page.skipped, failures=failures)


def _finish(connection: Connection, begun: Batch, tally: _Tally, *, by: str) -> None:
    # what this job created before it was interrupted is not skipped: it is the job's own
    skipped = max(0, tally.skipped - begun.created_count)
    batches.add_counts(connection, begun.id, skipped=skipped)
    audit.record(
        connection,
        actor=by,
        action="tickets.issue",
        event_id=begun.event_id,
        subject=begun.batch_key,
        items=tally.created,
        details={"job_id": begun.id, "skipped": tally.skipped, "failed": tally.failed},
    )
