"""Issue tickets for all eligible people without one, or for given guests.

Tickets are written in chunks, one transaction each. The entitlements of a chunk are locked first,
so concurrent issuers never serve a person twice, which a unique index also guarantees. A killed
run loses at most the chunk it was writing; the next run finds those people again.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.tickets import eligibility_queries
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.batches.queries import Batch
from ticketing.tickets.eligibility import Entitlement, EntitlementStatus
from ticketing.tickets.issuing import entitlement_lock_queries
from ticketing.tickets.issuing.create_tickets import IssueFailure, TicketIssuer, record_failures
from ticketing.tickets.issuing.entitlement_lock_queries import Recipient
from ticketing.tickets.issuing.identity import Randomness
from ticketing.tickets.missing import is_event_over


@dataclass(frozen=True, slots=True)
class IssuePage:
    """A locked page of the queue: recipients, and those already skipped or failed."""

    people: Sequence[Recipient]
    skipped: int = 0
    failures: Sequence[IssueFailure] = ()


class IssueQueue(Protocol):
    """People to issue tickets for, at most the limit. `skipped` of the `total` have a ticket."""

    total: int
    skipped: int

    def next_page(self, connection: Connection, count: int) -> IssuePage | None:
        """Return up to `count` people, locked until the transaction ends; None at the end."""


class AllMissing:
    """All eligible people without a ticket, in the order of the roster."""

    def __init__(
        self, connection: Connection, event_id: int, *, limit: int | None, event_over: bool
    ) -> None:
        """Count the people; they are fetched page by page."""
        counts = eligibility_queries.count_by_status(connection, event_id, event_over=event_over)
        self.total, self.skipped = counts.missing + counts.has_ticket, counts.has_ticket
        if limit is not None:
            self.total, self.skipped = min(limit, counts.missing), 0
        self._event_id = event_id
        self._after: int | None = None if event_over else 0
        self._left = sys.maxsize if limit is None else limit

    def next_page(self, connection: Connection, count: int) -> IssuePage | None:
        """Return the next people, except those locked by another issuer."""
        if self._after is None or not self._left:
            return None
        page = entitlement_lock_queries.lock_missing(
            connection, self._event_id, after=self._after, count=min(count, self._left)
        )
        self._after = page.last_attendee_id
        self._left -= len(page.recipients)
        return None if page.last_attendee_id is None else IssuePage(page.recipients)


class SelectedGuests:
    """Given guests; each one is served, skipped, or failed with a reason."""

    skipped = 0

    def __init__(
        self,
        connection: Connection,
        event_id: int,
        guest_ids: Iterable[int],
        *,
        limit: int | None,
        event_over: bool,
    ) -> None:
        """Every id counts once, in id order; a limit leaves out those who have a ticket."""
        self._waiting = sorted(set(guest_ids))
        if limit is not None:
            status = eligibility_queries.find_guest_status(
                connection, event_id, self._waiting, event_over=event_over
            )
            self._waiting = _select_attempted(self._waiting, status, limit)
        self.total = len(self._waiting)
        self._event_id, self._event_over = event_id, event_over

    def next_page(self, connection: Connection, count: int) -> IssuePage | None:
        """Return the next guests; waits for those locked by another issuer to see the result."""
        guest_ids, self._waiting = self._waiting[:count], self._waiting[count:]
        if not guest_ids:
            return None
        entitlement_lock_queries.lock_guests(connection, self._event_id, guest_ids)
        entitlements: dict[int, list[Entitlement]] = defaultdict(list)
        for entitlement in eligibility_queries.list_by_guest_ids(
            connection, self._event_id, guest_ids, event_over=self._event_over
        ):
            entitlements[entitlement.guest_id].append(entitlement)
        return _partition_guests(guest_ids, entitlements, count)


def _select_attempted(
    guest_ids: Sequence[int], status: Mapping[int, EntitlementStatus], limit: int
) -> list[int]:
    """Return the guests that a limited request attempts: the first missing, and the refused."""
    missing = [each for each in guest_ids if status.get(each) is EntitlementStatus.MISSING]
    attempted = set(missing[:limit])
    served = {EntitlementStatus.MISSING, EntitlementStatus.HAS_TICKET}
    return [each for each in guest_ids if each in attempted or status.get(each) not in served]


def _partition_guests(
    guest_ids: Sequence[int], entitlements: dict[int, list[Entitlement]], count: int
) -> IssuePage:
    people: list[Recipient] = []
    failures: list[IssueFailure] = []
    skipped = 0
    for guest_id in guest_ids:
        own = entitlements.get(guest_id, [])
        missing = [one for one in own if one.status is EntitlementStatus.MISSING]
        if missing:
            people += [Recipient(one.entitlement_id, guest_id) for one in missing]
        elif any(one.status is EntitlementStatus.HAS_TICKET for one in own):
            skipped += 1
        else:
            failures.append(IssueFailure(guest_id, _ineligible_reason(guest_id, own)))
    return IssuePage(people[:count], skipped, failures)


def _ineligible_reason(guest_id: int, entitlements: Sequence[Entitlement]) -> str:
    if not entitlements:
        return f"no guest {guest_id} in this event"
    return "; ".join(entitlement.reason for entitlement in entitlements)


CHUNK = 2000
MAX_FAILURES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class IssueResult:
    """Counts of a run so far, of `total` people.

    Skipped: has a live ticket. Failed: got none, including ineligible guests requested by id, so
    that the caller gets the reason. `failures` are the first thousand; the log table has all.
    """

    total: int
    skipped: int
    created: int = 0
    failed: int = 0
    failures: tuple[IssueFailure, ...] = ()

    def plus(
        self, *, created: int, skipped: int, failures: Sequence[IssueFailure]
    ) -> "IssueResult":
        """Return the counts with those of one more page."""
        return IssueResult(
            self.total,
            self.skipped + skipped,
            self.created + created,
            self.failed + len(failures),
            (*self.failures, *failures[: MAX_FAILURES_KEPT - len(self.failures)]),
        )


def issue_tickets(  # noqa: PLR0913 - all options of the API, the command and the asset
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
    on_progress: Callable[[IssueResult], None] | None = None,
) -> IssueResult:
    """Issue missing tickets; safe to repeat, to run concurrently and to kill.

    `limit` is the maximum number of tickets to attempt, not counting people who have one. A failure
    for one person does not affect others; it is in the result and in the log of the job.
    """
    with database.transaction() as connection:
        issuer = TicketIssuer.create(
            connection, event, keys=keys, job_id=job_id, at=at, randomness=randomness
        )
        if limit is not None:  # what this batch issued before an interruption counts as well
            limit = max(0, limit - batch_queries.count_issued(connection, job_id))
        queue = build_queue(connection, event, guest_ids, limit=limit, at=at)
        result = IssueResult(queue.total, queue.skipped)
        batch = batch_queries.mark_started(
            connection, job_id, total=queue.total, skipped=queue.skipped
        )
    with issuer.with_prefetch(queue.total - queue.skipped) as prefetching_issuer:
        while True:
            with database.transaction() as connection:
                page = queue.next_page(connection, chunk)
                if page is None:
                    break
                result = _issue_page(connection, prefetching_issuer, page, result)
            if on_progress is not None:
                on_progress(result)
    database.run(_finish, batch, result, by=by)
    return result


def build_queue(
    connection: Connection,
    event: Event,
    guest_ids: Iterable[int] | None,
    *,
    limit: int | None,
    at: datetime,
) -> IssueQueue:
    """Return the people that a request attempts; `total` is their number."""
    over = is_event_over(event, at)
    if guest_ids is None:
        return AllMissing(connection, event.id, limit=limit, event_over=over)
    return SelectedGuests(connection, event.id, guest_ids, limit=limit, event_over=over)


def _issue_page(
    connection: Connection, issuer: TicketIssuer, page: IssuePage, before: IssueResult
) -> IssueResult:
    """Create the tickets of a page, with counts and failures in the same transaction."""
    refused = issuer.create_tickets(connection, page.people)
    failures = [*page.failures, *refused]
    created = len(page.people) - len(refused)
    record_failures(connection, issuer, failures)
    batch_queries.add_counts(
        connection, issuer.shared_fields.job_id, created=created, failed=len(failures)
    )
    return before.plus(created=created, skipped=page.skipped, failures=failures)


def _finish(connection: Connection, batch: Batch, result: IssueResult, *, by: str) -> None:
    # tickets that this job created before an interruption do not count as skipped
    skipped = max(0, result.skipped - batch.created_count)
    batch_queries.add_counts(connection, batch.id, skipped=skipped)
    audit_log.record(
        connection,
        actor=by,
        action="tickets.issue",
        event_id=batch.event_id,
        subject=batch.batch_key,
        items=result.created,
        details={"job_id": batch.id, "skipped": result.skipped, "failed": result.failed},
    )
