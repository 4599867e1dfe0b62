"""Write the results of attempts in batches: each transaction settles items and what they found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.billing.sources.contract import (
    FailedFetch,
    FailureClass,
    FetchedRecord,
    FetchOutcome,
)
from ticketing.billing.sync import item_queries
from ticketing.billing.sync.failure_policy import next_step
from ticketing.billing.sync.item_queries import ClaimedItem, ItemResult
from ticketing.billing.sync.records import record_queries
from ticketing.billing.sync.records.bill_json import record_to_json
from ticketing.billing.sync.records.record_change import storable
from ticketing.billing.sync.records.record_queries import ComparedRecord, StudentRecord
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable

SUCCEEDED, FAILED, OPEN = "succeeded", "failed", "open"
CHANGED, UNCHANGED, HELD = "changed", "unchanged", "held"
MAX_MESSAGE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at an item, and what came of it."""

    item: ClaimedItem
    outcome: FetchOutcome


@dataclass(frozen=True, slots=True)
class AttemptWriter:
    """Settles attempts of one run; `chance` gives numbers in [0, 1) that spread retries."""

    database: Database
    run_id: int
    mapping_version: str
    clock: Callable[[], datetime]
    chance: Callable[[], float]

    def write(self, attempts: Sequence[Attempt]) -> None:
        """Settle attempts in one transaction; one that cannot be stored fails alone."""
        try:
            self.database.run(self._settle, attempts)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one record that PostgreSQL refuses must not stop the others
            if len(attempts) == 1:
                kind = type(error).__name__
                self.database.run(self._settle, [_refused_by_database(attempts[0], kind)])
                return
            for one in attempts:
                self.write([one])

    def _settle(self, connection: Connection, attempts: Sequence[Attempt]) -> None:
        at = self.clock()
        results, etags = list[ItemResult](), list[tuple[int, str | None]]()
        fetched = list[tuple[ClaimedItem, FetchedRecord]]()
        for one in attempts:
            item, outcome = one.item, one.outcome
            if isinstance(outcome, FailedFetch):
                results.append(self._failed(item, outcome, at))
            elif isinstance(outcome, FetchedRecord) and not self._is_same(item, outcome):
                fetched.append((item, outcome))
            else:
                results.append(ItemResult(item.id, SUCCEEDED, UNCHANGED))
                if isinstance(outcome, FetchedRecord) and outcome.etag != item.etag:
                    etags.append((item.student_id, outcome.etag))
        compared = self._compare(connection, fetched)
        results += [self._compared(item.id, one) for item, one in compared]
        settled = item_queries.settle(connection, results, at=at)
        applied = [
            one for item, one in compared if item.id in settled and not one.change.loses_too_much
        ]
        record_queries.write_records(connection, self.run_id, applied, at=at)
        record_queries.store_etags(connection, etags)

    def _is_same(self, item: ClaimedItem, record: FetchedRecord) -> bool:
        return (record.checksum, self.mapping_version) == (item.checksum, item.mapping_version)

    def _compare(
        self, connection: Connection, fetched: Sequence[tuple[ClaimedItem, FetchedRecord]]
    ) -> list[tuple[ClaimedItem, ComparedRecord]]:
        if not fetched:
            return []
        records = [
            StudentRecord(item.student_id, record, self.mapping_version) for item, record in fetched
        ]
        compared = record_queries.compare_records(connection, records)
        return [(item, one) for (item, _), one in zip(fetched, compared, strict=True)]

    def _compared(self, item_id: int, one: ComparedRecord) -> ItemResult:
        if not one.change.loses_too_much:
            return ItemResult(item_id, SUCCEEDED, CHANGED)
        held = record_to_json(one.fetched.record, self.mapping_version)
        return ItemResult(item_id, SUCCEEDED, HELD, held_record=held)

    def _failed(self, item: ClaimedItem, failed: FailedFetch, at: datetime) -> ItemResult:
        step = next_step(
            failed,
            attempts=item.attempt_count + 1,
            first_failed_at=item.first_failed_at,
            was_deferred=item.was_deferred,
            at=at,
            jitter=self.chance(),
        )
        return ItemResult(
            item.id,
            FAILED if step.next_attempt_at is None else OPEN,
            failure=failed.failure,
            message=storable(failed.message)[:MAX_MESSAGE_LENGTH],
            attempts=item.attempt_count + step.counts,
            first_failed_at=(item.first_failed_at or at) if step.counts else item.first_failed_at,
            is_deferred=step.is_deferred,
            next_attempt_at=step.next_attempt_at,
        )


def _refused_by_database(attempt: Attempt, kind: str) -> Attempt:
    message = f"PostgreSQL refused to store the record ({kind}); see it with --check"
    external_id = attempt.item.external_id
    return Attempt(attempt.item, FailedFetch(external_id, FailureClass.BAD_DATA, message))
