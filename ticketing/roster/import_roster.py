"""A roster becomes people and entitlements of one event. Safe to repeat, and to kill.

Read and clean every row into staging, match it with who is known, plan, and only then write: a
file that cannot be read to its end changes nothing. Each chunk is one transaction.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from time import perf_counter
from typing import Protocol

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.email_address import address
from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.platform.kernel.phone import phones_of
from ticketing.roster import diff_queries, import_queries
from ticketing.roster.clean_row import Cleaner
from ticketing.roster.column_mapping import Columns, columns
from ticketing.roster.diff_queries import Lines, Wanted
from ticketing.roster.import_result import ImportOptions, ImportResult, Record
from ticketing.roster.matching_queries import match
from ticketing.roster.model import Change, Counts, Entry, QuarantinedRow, Rejection, Row
from ticketing.roster.rejected_rows_csv import write_quarantine
from ticketing.roster.sources.csv_file import Reading
from ticketing.roster.staging_queries import Staging
from ticketing.roster.write_queries import Chunk, Withdrawal, plan_withdrawal, withdraw

WRITERS = 2  # connections that write at once; more only wait for the server's processors
SHOWN = 20  # changed people and quarantined rows that a result carries along
_ROWS_BETWEEN_REPORTS = 10_000

Progress = Callable[[int, Counts], None]
"""Told the rows so far: first as they are read (counts are zero), then as they are written."""


class Source(Protocol):
    """Where a roster comes from: a file, or a query in the operator's own database."""

    @property
    def kind(self) -> str:
        """File or sql."""
        ...

    @property
    def name(self) -> str:
        """What the history calls it; holds no secret."""
        ...

    def opened(
        self, *, encoding: str | None = None, delimiter: str | None = None
    ) -> AbstractContextManager[Reading]:
        """Its columns and rows, for as long as the context lasts."""
        ...


def import_roster(
    database: Database,
    event: Event,
    source: Source,
    *,
    options: ImportOptions,
    at: datetime,
    by: str,
    progress: Progress | None = None,
) -> ImportResult:
    """Import, or say what an import would do. One at a time for an event; others wait their turn.

    Raises UnreadableFile and UnusableMapping for what is no roster, ImportUnderWay when the turn
    does not come; nothing has changed then.
    """
    job = _Import(database, event, source, options, at, by, progress or _nobody_watches)
    with database.transaction() as turn:
        import_queries.take_turn(turn, event.id, patience_seconds=options.patience_seconds)
        return job.rehearse() if options.dry_run else job.run()


def _nobody_watches(rows: int, counts: Counts) -> None:
    """No progress is wanted."""


@dataclass(frozen=True, slots=True)
class _Understood:
    """A roster read to its end, now in staging."""

    columns: Columns
    reading: Reading
    total: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an import is about to do."""

    wanted: Wanted
    counts: Counts
    withdrawal: Withdrawal
    changed_fields: dict[str, int]
    changes: list[Change]
    quarantine: list[QuarantinedRow]
    chunks: list[Lines]


@dataclass(frozen=True, slots=True)
class _Import:
    database: Database
    event: Event
    source: Source
    options: ImportOptions
    at: datetime
    by: str
    progress: Progress
    started: float = field(default_factory=perf_counter)

    def rehearse(self) -> ImportResult:
        """Everything but the writing."""
        with self._staging() as staging:
            roster = self._read(staging)
            return self._result(None, roster, self._plan(staging, roster))

    def run(self) -> ImportResult:
        """The import, with its line in the history however it ends."""
        with self._record() as import_id, self._staging() as staging:
            roster = self._read(staging)
            self._describe(import_id, roster)
            plan = self._plan(staging, roster)
            self._open(import_id, roster, plan)
            self._write(import_id, plan)
            self._close(import_id, plan)
            return self._result(import_id, roster, plan)

    def _record(self) -> Record:
        return Record(
            self.database, self.event.id, self.source.kind, self.source.name, self.by, self.now
        )

    @contextmanager
    def _staging(self) -> Iterator[Staging]:
        staging = Staging.of(self.event.id)
        try:
            yield staging
        finally:
            with self.database.transaction() as connection:
                staging.drop(connection)

    def _read(self, staging: Staging) -> _Understood:
        """Every row, cleaned, into staging; or nothing."""
        options = self.options
        with (
            self.source.opened(encoding=options.encoding, delimiter=options.delimiter) as reading,
            self.database.transaction() as connection,
        ):
            known = columns(reading.columns, options.mapping)
            cleaner = Cleaner.of(known, phone=phones_of(self.event.region), address=address)
            staging.create(connection)
            total = staging.load(connection, self._cleaned(reading, cleaner))
            if not total:
                raise UnreadableFile("the file has a header and no rows below it")
            staging.index(connection)
        return _Understood(known, reading, total)

    def _cleaned(
        self, reading: Reading, cleaner: Cleaner
    ) -> Iterator[tuple[Row, Entry | Rejection]]:
        clean, none_yet = cleaner.clean, Counts()
        for done, row in enumerate(reading.rows, 1):
            yield row, clean(row.cells)
            if done % _ROWS_BETWEEN_REPORTS == 0:
                self.progress(done, none_yet)

    def _plan(self, staging: Staging, roster: _Understood) -> _Plan:
        wanted = Wanted(staging, frozenset(roster.columns.places))
        with self.database.transaction() as connection:
            match(connection, staging)
            counts = diff_queries.plan(connection, wanted)
            self._write_quarantine(connection, staging, roster, counts)
            return _Plan(
                wanted,
                counts,
                plan_withdrawal(connection, staging)
                if self.options.withdraw_absent
                else Withdrawal(),
                diff_queries.changed_fields(connection, wanted),
                diff_queries.first_changes(connection, wanted, SHOWN),
                list(islice(import_queries.staged_quarantine(connection, staging), SHOWN)),
                diff_queries.chunks(connection, staging, self.options.chunk),
            )

    def _write_quarantine(
        self, connection: Connection, staging: Staging, roster: _Understood, counts: Counts
    ) -> None:
        path = self.options.quarantine_path
        if path and counts.quarantined:
            rows = import_queries.staged_quarantine(connection, staging)
            write_quarantine(path, roster.columns.header, rows)

    def _describe(self, import_id: int, roster: _Understood) -> None:
        known, reading = roster.columns, roster.reading
        with self.database.transaction() as connection:
            import_queries.describe(
                connection,
                import_id,
                sha256=reading.digest,
                encoding=reading.encoding,
                delimiter=reading.delimiter,
                mapping={"columns": list(known.header), "fields": known.mapping()},
            )

    def _open(self, import_id: int, roster: _Understood, plan: _Plan) -> None:
        """Everything that is written once: rows kept aside, new kinds of ticket, withdrawals."""
        with self.database.transaction() as connection:
            import_queries.hold(connection, import_id)
            aside = import_queries.keep_aside(connection, plan.wanted.staging, import_id)
            known = Counts(unchanged=plan.counts.unchanged, quarantined=aside)
            import_queries.count(connection, import_id, known, total=roster.total)
            diff_queries.add_ticket_types(connection, plan.wanted)
            if self.options.withdraw_absent:
                withdraw(connection, plan.wanted.staging, at=self.at)

    def _write(self, import_id: int, plan: _Plan) -> None:
        """Chunk by chunk, on two connections: no two chunks touch the same person."""
        done = Counts(unchanged=plan.counts.unchanged, quarantined=plan.counts.quarantined)
        self.progress(done.rows, done)
        with ThreadPoolExecutor(WRITERS, "import") as writers:
            chunks = [
                writers.submit(self._write_chunk, Chunk(plan.wanted, import_id, lines))
                for lines in plan.chunks
            ]
            try:
                for chunk in as_completed(chunks):
                    done = done.plus(chunk.result())
                    self.progress(done.rows, done)
            finally:
                writers.shutdown(cancel_futures=True)

    def _write_chunk(self, chunk: Chunk) -> Counts:
        with self.database.transaction() as connection:
            import_queries.hold(connection, chunk.import_id)
            written = chunk.write(connection, at=self.at)
            import_queries.count(connection, chunk.import_id, written)
            return written

    def _close(self, import_id: int, plan: _Plan) -> None:
        counts = plan.counts
        with self.database.transaction() as connection:
            import_queries.hold(connection, import_id)
            withdrawn = plan.withdrawal.people
            import_queries.complete(connection, import_id, withdrawn=withdrawn, at=self.now())
            audit_log.record(
                connection,
                actor=self.by,
                action="import roster",
                event_id=self.event.id,
                subject=self.source.name,
                items=counts.rows,
                details=asdict(counts) | {"import_id": import_id, "withdrawn": withdrawn},
            )

    def now(self) -> datetime:
        """The instant handed in, moved on by the time the import has taken."""
        return self.at + timedelta(seconds=perf_counter() - self.started)

    def _result(self, import_id: int | None, roster: _Understood, plan: _Plan) -> ImportResult:
        known, reading = roster.columns, roster.reading
        used = set(known.places.values())
        return ImportResult(
            import_id=import_id,
            dry_run=self.options.dry_run,
            event=self.event.slug,
            source=self.source.name,
            total=roster.total,
            counts=plan.counts,
            withdrawal=plan.withdrawal,
            encoding=reading.encoding,
            delimiter=reading.delimiter,
            digest=reading.digest,
            mapping=known.mapping(),
            ignored_columns=[name for at, name in enumerate(known.header) if at not in used],
            warnings=reading.warnings,
            changed_fields=plan.changed_fields,
            changes=plan.changes,
            quarantine=plan.quarantine,
            seconds=perf_counter() - self.started,
        )
