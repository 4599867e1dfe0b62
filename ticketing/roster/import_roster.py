"""Import a roster into the guests and entitlements of one event. Safe to repeat, and to kill.

Every row is read and cleaned into staging, matched with known guests, planned, and only then
written: a file that cannot be read completely changes nothing. Each chunk is one transaction.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Protocol

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.email_address import normalise_email
from ticketing.platform.kernel.errors import UnreadableFile
from ticketing.platform.kernel.phone import phone_normaliser
from ticketing.roster import erased_contact_queries, import_queries
from ticketing.roster.cells.clean_row import RowCleaner
from ticketing.roster.cells.column_mapping import ColumnMapping, map_columns
from ticketing.roster.cells.extra_columns import ExtraColumn, find_extra_columns
from ticketing.roster.cells.row_rejection import reject_unreadable
from ticketing.roster.cells.row_warnings import RowWarnings
from ticketing.roster.erased_contacts import ErasedContacts, ErasedRowCheck
from ticketing.roster.import_plan import (
    ImportPlan,
    store_late_refusals,
    without_late_refusals,
)
from ticketing.roster.import_queries import import_run
from ticketing.roster.import_result import ImportOptions, ImportResult, write_rejected_rows
from ticketing.roster.model import (
    ImportCounts,
    RejectedRow,
    RosterEntry,
    RosterRow,
    RowRejection,
    WarnedEntry,
)
from ticketing.roster.plan import diff_queries
from ticketing.roster.plan.diff_queries import LineRange
from ticketing.roster.plan.duplicate_queries import rename_changed_keys
from ticketing.roster.plan.holder_queries import refuse_holder_changes
from ticketing.roster.plan.impact_queries import measure_impact
from ticketing.roster.plan.matching_queries import match_people
from ticketing.roster.plan.staging_queries import StagingTables, reject_rounded_ids
from ticketing.roster.plan.target_column_queries import TargetColumns
from ticketing.roster.plan.write_queries import (
    ChunkWriter,
    WithdrawalCount,
    plan_withdrawal,
    withdraw_absent,
)
from ticketing.roster.sources.csv_file import OpenRoster

WRITER_COUNT = 2  # concurrent connections; more only wait for the server's processors
MAX_RESULT_ROWS = 20  # changed guests and rejected rows in a result
_ROWS_BETWEEN_REPORTS = 10_000

ProgressCallback = Callable[[int, ImportCounts], None]
"""Receives the rows so far: while reading (counts are zero), then while writing."""


class RosterSource(Protocol):
    """The source of a roster: a file, or a query in the operator's own database."""

    @property
    def kind(self) -> str:
        """Return "file" or "sql"."""
        ...

    @property
    def name(self) -> str:
        """Return the name for the import history, without secrets."""
        ...

    def open(
        self,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        header_row: int | None = None,
    ) -> AbstractContextManager[OpenRoster]:
        """Return columns and rows, valid while the context is open."""
        ...


def import_roster(
    database: Database,
    event: Event,
    source: RosterSource,
    *,
    options: ImportOptions,
    at: datetime,
    by: str,
    progress: ProgressCallback | None = None,
    erased: ErasedContacts | None = None,
) -> ImportResult:
    """Import a roster, or with `dry_run` report the effects. One import per event at a time.

    With `erased` it warns of each row that brings back somebody whose data were erased.

    Raises UnreadableFile and UnusableMapping for invalid rosters, and ImportUnderWay when another
    import does not end in time; nothing is changed then.
    """
    known = database.run(erased_contact_queries.list_hashes) if erased else {}
    check = ErasedRowCheck(erased, event.id, known)
    job = _ImportJob(database, event, source, options, at, by, progress or _ignore_progress, check)
    with database.transaction() as connection:
        import_queries.acquire_import_lock(
            connection, event.id, patience_seconds=options.patience_seconds
        )
        return job.dry_run() if options.dry_run else job.run()


def _ignore_progress(rows: int, counts: ImportCounts) -> None:
    """Ignore progress reports."""


@dataclass(frozen=True, slots=True)
class _StagedRoster:
    """A roster that was read completely into staging."""

    columns: ColumnMapping
    extra: tuple[ExtraColumn, ...]
    reading: OpenRoster
    warnings: RowWarnings
    total: int

    def field_names(self) -> dict[str, str]:
        """Return the column name of each field and of each kept column, for people."""
        header = self.columns.header
        kept = {f"extra.{name}": header[place] for name, place in self.extra}
        return self.columns.column_names() | kept

    def file_warnings(self) -> list[str]:
        """Return the warnings about the file as a whole."""
        return [*self.columns.warnings, *self.reading.warnings, *self.warnings.summaries()]


@dataclass(frozen=True, slots=True)
class _ImportJob:
    database: Database
    event: Event
    source: RosterSource
    options: ImportOptions
    at: datetime
    by: str
    progress: ProgressCallback
    erased: ErasedRowCheck
    started: float = field(default_factory=perf_counter)

    def dry_run(self) -> ImportResult:
        """Do everything except writing."""
        with self._staging() as staging:
            roster = self._stage_rows(staging)
            return self._result(None, roster, self._plan(staging, roster))

    def run(self) -> ImportResult:
        """Import the roster, and record the import and its end in the history."""
        running = import_run(
            self.database, self.event.id, kind=self.source.kind, name=self.source.name, by=self.by,
            now=self.now,
        )  # fmt: skip
        with running as import_id, self._staging() as staging:
            roster = self._stage_rows(staging)
            self._record_source(import_id, roster)
            plan = self._plan(staging, roster)
            self._write_once(import_id, roster, plan)
            counts = self._write_chunks(import_id, plan)
            plan = self._add_late_refusals(roster, plan, counts)
            self._complete(import_id, plan)
            return self._result(import_id, roster, plan)

    @contextmanager
    def _staging(self) -> Iterator[StagingTables]:
        staging = StagingTables.for_event(self.event.id)
        try:
            yield staging
        finally:
            self.database.run(staging.drop)

    def _stage_rows(self, staging: StagingTables) -> _StagedRoster:
        """Clean every row into staging, or raise."""
        options = self.options
        with (
            self.source.open(
                encoding=options.encoding,
                delimiter=options.delimiter,
                header_row=options.header_row,
            ) as reading,
            self.database.transaction() as connection,
        ):
            known = map_columns(reading.columns, options.mapping, options.ignored)
            extra = find_extra_columns(reading.columns, options.kept)
            cleaner = RowCleaner.for_columns(
                known,
                normalise_phone=phone_normaliser(self.event.region),
                normalise_email=normalise_email,
                extra_columns=extra,
                is_strict=self.event.strict_contacts,
            )
            warnings = RowWarnings()
            staging.create(connection)
            loaded = staging.load(connection, self._clean_rows(reading, cleaner, warnings))
            if not loaded.total:
                raise UnreadableFile("the file has a header and no rows below it")
            if loaded.has_long_ids:
                reject_rounded_ids(connection, staging)
            staging.index(connection)
        return _StagedRoster(known, extra, reading, warnings, loaded.total)

    def _clean_rows(
        self, reading: OpenRoster, cleaner: RowCleaner, warnings: RowWarnings
    ) -> Iterator[tuple[RosterRow, RosterEntry | RowRejection]]:
        clean, none_yet = cleaner.clean, ImportCounts()
        for done, row in enumerate(reading.rows, 1):
            result = reject_unreadable(row) if row.problem else clean(row.cells)
            if isinstance(result, WarnedEntry):
                warnings.add(row.line, result.warnings)
                result = result.entry
            if self.erased.is_needed and isinstance(result, RosterEntry):
                warnings.add(row.line, self.erased.warnings(result))
            yield row, result
            if done % _ROWS_BETWEEN_REPORTS == 0:
                self.progress(done, none_yet)

    def _plan(self, staging: StagingTables, roster: _StagedRoster) -> ImportPlan:
        target = TargetColumns(
            staging, frozenset(roster.columns.indexes), clear_empty=self.options.clear_empty,
            keeps_extra=bool(roster.extra),
        )  # fmt: skip
        with self.database.transaction() as connection:
            counts, kept_holders = self._plan_rows(connection, target)
            self._write_quarantine(connection, staging, roster, counts)
            fields = diff_queries.count_fields(connection, target)
            withdrawal = self._plan_withdrawal(connection, staging)
            impact = measure_impact(
                connection, target, counts, withdrawal, emptied=fields.emptied,
                kept_holders=kept_holders,
            )  # fmt: skip
            return ImportPlan(
                target,
                counts,
                withdrawal,
                fields.changed,
                diff_queries.list_first_changes(connection, target, MAX_RESULT_ROWS),
                self._list_rejected(connection, target),
                diff_queries.list_chunk_ranges(connection, staging, self.options.chunk),
                impact,
            )

    def _plan_withdrawal(self, connection: Connection, staging: StagingTables) -> WithdrawalCount:
        if not self.options.withdraw_absent:
            return WithdrawalCount()
        return plan_withdrawal(connection, staging)

    def _plan_rows(self, connection: Connection, target: TargetColumns) -> tuple[ImportCounts, int]:
        """Match and plan all rows; return their numbers, and the names of tickets kept."""
        staging, may_change_holders = target.staging, self.options.apply_holder_changes
        match_people(connection, staging, apply_holder_changes=may_change_holders)
        diff_queries.plan_changes(connection, target)
        kept_holders = 0 if may_change_holders else refuse_holder_changes(connection, staging)
        return diff_queries.count_outcomes(connection, staging), kept_holders

    def _list_rejected(self, connection: Connection, target: TargetColumns) -> list[RejectedRow]:
        return list(
            import_queries.list_staged_rejected_rows(
                connection, target.staging, limit=MAX_RESULT_ROWS
            )
        )

    def _write_quarantine(
        self,
        connection: Connection,
        staging: StagingTables,
        roster: _StagedRoster,
        counts: ImportCounts,
    ) -> None:
        path = self.options.quarantine_path
        if path and counts.quarantined:
            rows = import_queries.list_staged_rejected_rows(connection, staging)
            delimiter = self.options.quarantine_delimiter
            write_rejected_rows(path, roster.columns.header, rows, delimiter=delimiter)

    def _record_source(self, import_id: int, roster: _StagedRoster) -> None:
        known, reading = roster.columns, roster.reading
        self.database.run(
            import_queries.record_source,
            import_id,
            sha256=reading.digest,
            encoding=reading.encoding,
            delimiter=reading.delimiter,
            mapping={
                "columns": list(known.header),
                "fields": roster.field_names(),
                "sheet": reading.sheet,
            },
            warnings={
                "count": roster.warnings.count,
                "file": roster.file_warnings(),
                "rows": [warning._asdict() for warning in roster.warnings.first],
            },
        )

    def _write_once(self, import_id: int, roster: _StagedRoster, plan: ImportPlan) -> None:
        """Write rejected rows, new ticket types and withdrawals."""
        with self.database.transaction() as connection:
            import_queries.lock_running(connection, import_id)
            aside = import_queries.insert_rejected_rows(connection, plan.target.staging, import_id)
            known = ImportCounts(unchanged=plan.counts.unchanged, quarantined=aside)
            import_queries.add_counts(connection, import_id, known, total=roster.total)
            diff_queries.insert_missing_ticket_types(connection, plan.target)
            if "natural_key" in plan.changed_fields:
                rename_changed_keys(connection, plan.target)
            if self.options.withdraw_absent:
                withdraw_absent(connection, plan.target.staging, at=self.at)

    def _write_chunks(self, import_id: int, plan: ImportPlan) -> ImportCounts:
        """Write the chunks on two connections: no two chunks touch the same guest."""
        done = ImportCounts(unchanged=plan.counts.unchanged, quarantined=plan.counts.quarantined)
        self.progress(done.rows, done)
        with ThreadPoolExecutor(WRITER_COUNT, "import") as writers:
            chunks = [
                writers.submit(self._write_chunk, self._chunk_writer(import_id, plan, lines))
                for lines in plan.chunks
            ]
            try:
                for chunk in as_completed(chunks):
                    done = done.plus(chunk.result())
                    self.progress(done.rows, done)
            finally:
                writers.shutdown(cancel_futures=True)
        return done

    def _chunk_writer(self, import_id: int, plan: ImportPlan, lines: LineRange) -> ChunkWriter:
        is_renaming = "full_name" in plan.changed_fields
        return ChunkWriter(
            plan.target, import_id, lines,
            renamed_by=f"import {import_id} by {self.by}" if is_renaming else "",
            keeps_holders=not self.options.apply_holder_changes,
        )  # fmt: skip

    def _write_chunk(self, chunk: ChunkWriter) -> ImportCounts:
        with self.database.transaction() as connection:
            import_queries.lock_running(connection, chunk.import_id)
            written = chunk.write(connection, at=self.at)
            if written.quarantined:
                written = store_late_refusals(connection, chunk, written)
            import_queries.add_counts(connection, chunk.import_id, written)
            return written

    def _add_late_refusals(
        self, roster: _StagedRoster, plan: ImportPlan, counts: ImportCounts
    ) -> ImportPlan:
        """Return the plan as it was carried out, and write the rejected rows again if needed."""
        if counts == plan.counts:
            return plan
        with self.database.transaction() as connection:
            self._write_quarantine(connection, plan.target.staging, roster, counts)
            return without_late_refusals(
                connection, plan, counts, rejected=self._list_rejected(connection, plan.target)
            )

    def _complete(self, import_id: int, plan: ImportPlan) -> None:
        counts = plan.counts
        with self.database.transaction() as connection:
            import_queries.lock_running(connection, import_id)
            withdrawn, tickets = plan.withdrawal.people, plan.impact.tickets
            erased_contact_queries.restore_opt_outs(connection, self.erased.opted_out, at=self.at)
            import_queries.mark_completed(
                connection, import_id, withdrawn=withdrawn, tickets=tickets, at=self.now()
            )
            audit_log.record(
                connection,
                actor=self.by,
                action=audit_log.IMPORT_ROSTER_ACTION,
                event_id=self.event.id,
                subject=self.source.name,
                items=counts.rows,
                details=asdict(counts)
                | {"import_id": import_id, "withdrawn": withdrawn}
                | {
                    "live_tickets": tickets.live,
                    "delivered_tickets": tickets.delivered,
                    "checked_in_tickets": tickets.checked_in,
                },
            )

    def now(self) -> datetime:
        """Return the given instant plus the duration of the import so far."""
        return self.at + timedelta(seconds=perf_counter() - self.started)

    def _result(
        self, import_id: int | None, roster: _StagedRoster, plan: ImportPlan
    ) -> ImportResult:
        known, reading = roster.columns, roster.reading
        used = {*known.indexes.values(), *(column.place for column in roster.extra)}
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
            mapping=roster.field_names(),
            ignored_columns=[name for at, name in enumerate(known.header) if at not in used],
            warnings=roster.file_warnings(),
            warning_count=roster.warnings.count,
            row_warnings=roster.warnings.listed(MAX_RESULT_ROWS),
            changed_fields=plan.changed_fields,
            changes=plan.changes,
            quarantine=plan.quarantine,
            seconds=perf_counter() - self.started,
            sheet=reading.sheet,
            impact=plan.impact,
        )
