"""Configuration and execution of a roster import in a run."""

import os
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field
from sqlalchemy import URL

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.retries import TIME_LIMIT_DESCRIPTION, TIME_LIMIT_SECONDS, Deadline
from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.kernel.errors import Misconfigured, UnreadableFile
from ticketing.roster.drop_folder.import_file import import_dropped_file
from ticketing.roster.erased_contacts import ErasedContacts
from ticketing.roster.import_result import ImportOptions, ImportResult, format_source_format
from ticketing.roster.import_roster import ProgressCallback, RosterSource, import_roster
from ticketing.roster.model import ImportCounts
from ticketing.roster.plan.import_impact import format_impact
from ticketing.roster.sources.query_address import roster_query
from ticketing.roster.sources.roster_file import roster_file


class RosterConfig(dg.Config):
    """Source of the roster; without path and query nothing is imported."""

    path: str | None = Field(default=None, description="Path of a file on this machine.")
    sheet: str | None = Field(
        default=None, description="Sheet of a workbook; empty uses the only one with rows."
    )
    dropped: bool = Field(
        default=False,
        description="The file is in the drop folder; move it to the archive with its report.",
    )
    query: str | None = Field(
        default=None, description="Alternative to a file: a SELECT in an external database."
    )
    url_env: str | None = Field(
        default=None,
        description="Environment variable ROSTER_… with the URL of that database.",
    )
    mapping: dict[str, str] = Field(
        default={}, description="Field by column, for columns that are not recognised."
    )
    ignored: list[str] = Field(default=[], description="Columns that are not used.")
    kept: list[str] = Field(default=[], description="Columns kept for templates and exports.")
    header_row: int | None = Field(
        default=None, description="Line of the column names; detected if empty."
    )
    encoding: str | None = Field(default=None, description="Detected if empty.")
    delimiter: str | None = Field(default=None, description="Detected if empty.")
    dry_run: bool = Field(default=False, description="Only report changes; change nothing.")
    withdraw_absent: bool = Field(
        default=False, description="Withdraw people who are not in the roster."
    )
    apply_holder_changes: bool = Field(
        default=False, description="Allow other names on live tickets; else such rows are rejected."
    )
    clear_empty: bool = Field(
        default=False, description="Let empty cells clear stored values; else they keep them."
    )
    limit_seconds: float = Field(
        default=TIME_LIMIT_SECONDS, gt=0, description=TIME_LIMIT_DESCRIPTION
    )

    def source(self, own: Collection[URL]) -> RosterSource | None:
        """Return the configured source, None to leave the guests unchanged.

        `own` are our databases, which no roster comes from.
        """
        if self.path is not None and self.query is not None:
            raise Misconfigured("path and query are both set; set only one of them")
        if self.query is None:
            return None if self.path is None else roster_file(Path(self.path), self.sheet)
        return roster_query(self.url_env or "", self.query, os.environ, own=own)

    def options(self) -> ImportOptions:
        """Return the import options."""
        return ImportOptions(
            mapping=self.mapping, ignored=self.ignored, kept=self.kept, header_row=self.header_row,
            encoding=self.encoding, delimiter=self.delimiter, dry_run=self.dry_run,
            withdraw_absent=self.withdraw_absent, clear_empty=self.clear_empty,
            apply_holder_changes=self.apply_holder_changes,
        )  # fmt: skip


def import_configured_roster(
    application: Application, event: Event, config: RosterConfig, deadline: Deadline
) -> metadata.Metadata:
    """Import the configured roster, if any, and return its metadata."""
    if config.dropped and config.path is not None:
        return _import_dropped_file(application, event, Path(config.path), config, deadline)
    source = config.source((application.url, application.dagster_url))
    if source is None:
        return {}
    done = import_roster(
        application.database,
        event,
        source,
        options=config.options(),
        at=datetime.now(UTC),
        by=ACTOR,
        progress=_progress_callback(deadline),
        erased=ErasedContacts(application.get(KeyRing)),
    )
    return _import_metadata(done) | deadline.metadata("rows")


def _import_dropped_file(
    application: Application, event: Event, path: Path, config: RosterConfig, deadline: Deadline
) -> metadata.Metadata:
    if not path.exists():
        # a run that was killed after it archived the file is started again
        return {"outcome": f"{path.name} is not in the drop folder: an earlier run imported it"}
    delimiter = application.settings.csv_delimiter_character
    imported = import_dropped_file(
        application.database, event, path,
        options=replace(config.options(), quarantine_delimiter=delimiter),
        at=datetime.now(UTC), by=ACTOR, progress=_progress_callback(deadline),
        erased=ErasedContacts(application.get(KeyRing)),
    )  # fmt: skip
    if not imported.succeeded:
        raise UnreadableFile(f"{imported.message}; the file is now {imported.archived_path}")
    archived: metadata.Metadata = {
        "archived as": dg.MetadataValue.path(imported.archived_path),
        "outcome": imported.message.partition("\n")[0],
    }
    return (
        archived
        if imported.result is None
        else archived | _import_metadata(imported.result) | deadline.metadata("rows")
    )


def _progress_callback(deadline: Deadline) -> ProgressCallback:
    def report(rows: int, counts: ImportCounts) -> None:
        if counts.rows:
            deadline(counts.rows, rows)
        else:
            deadline(rows, None)  # still reading: the total is unknown

    return report


def _import_metadata(result: ImportResult) -> metadata.Metadata:
    warnings = [*result.warnings, *format_impact(result.impact, result.event)]
    return {
        "source": result.source,
        "import id": str(result.import_id or "none"),
        "dry run": result.dry_run,
        "rows": result.total,
        "inserted": result.counts.inserted,
        "updated": result.counts.updated,
        "unchanged": result.counts.unchanged,
        "rejected": result.counts.quarantined,
        "withdrawn": result.withdrawn,
        "live tickets touched": result.impact.tickets.live,
        "delivered tickets touched": result.impact.tickets.delivered,
        "possible duplicates": result.impact.duplicates.people,
        "format": format_source_format(result),
        "changes": metadata.markdown_table(
            ["line", "guest", "field", "before", "after"], result.changes, total=len(result.changes)
        ),
        "rejected rows": metadata.markdown_table(
            ["line", "field", "value", "reason"],
            [(row.line, row.field, row.value, row.reason) for row in result.quarantine],
            total=result.counts.quarantined,
        ),
        "warnings": metadata.markdown_table(
            ["warning"], [(warning,) for warning in warnings], total=len(warnings)
        ),
        "warnings about rows": metadata.markdown_table(
            ["line", "field", "value", "reason"], result.row_warnings, total=result.warning_count
        ),
    }
