"""Configuration and execution of a roster import in a run."""

import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.retries import TIME_LIMIT_DESCRIPTION, TIME_LIMIT_SECONDS, Deadline
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.kernel.errors import Misconfigured, UnreadableFile
from ticketing.roster.drop_folder import import_dropped_file
from ticketing.roster.import_result import ImportOptions, ImportResult
from ticketing.roster.import_roster import ProgressCallback, RosterSource, import_roster
from ticketing.roster.model import ImportCounts
from ticketing.roster.sources.csv_file import RosterFile
from ticketing.roster.sources.sql_query import RosterQuery


class RosterConfig(dg.Config):
    """Source of the roster; without path and query nothing is imported."""

    path: str | None = Field(default=None, description="A CSV file on this machine.")
    dropped: bool = Field(
        default=False, description="The file is in the drop folder: file it away with its report."
    )
    query: str | None = Field(
        default=None, description="Instead of a file: a SELECT in the operator's own database."
    )
    url_env: str | None = Field(
        default=None, description="The environment variable that holds that database's address."
    )
    mapping: dict[str, str] = Field(
        default={}, description="Column to field, where the column's name does not say it."
    )
    encoding: str | None = Field(default=None, description="Found out when left empty.")
    delimiter: str | None = Field(default=None, description="Found out when left empty.")
    dry_run: bool = Field(default=False, description="Say what would change, and change nothing.")
    withdraw_absent: bool = Field(
        default=False, description="Take the entitlement back from whoever is not in the roster."
    )
    limit_seconds: float = Field(
        default=TIME_LIMIT_SECONDS, gt=0, description=TIME_LIMIT_DESCRIPTION
    )

    def source(self) -> RosterSource | None:
        """Return the configured source, None to leave the guests unchanged."""
        if self.path is not None and self.query is not None:
            raise Misconfigured("path and query are both set: a roster comes from one of them")
        if self.query is None:
            return None if self.path is None else RosterFile(Path(self.path))
        address = os.environ.get(self.url_env or "")
        if not address:
            raise Misconfigured(f"url_env: no environment variable {self.url_env!r} has an address")
        return RosterQuery(address, self.query)

    def options(self) -> ImportOptions:
        """Return the import options."""
        return ImportOptions(
            mapping=self.mapping, encoding=self.encoding, delimiter=self.delimiter,
            dry_run=self.dry_run, withdraw_absent=self.withdraw_absent,
        )  # fmt: skip


def import_configured_roster(
    application: Application, event: Event, config: RosterConfig, deadline: Deadline
) -> metadata.Metadata:
    """Import the configured roster, if any, and return its metadata."""
    source = config.source()
    if source is None:
        return {}
    if config.dropped and isinstance(source, RosterFile):
        return _import_dropped_file(application, event, source.path, config, deadline)
    done = import_roster(
        application.database,
        event,
        source,
        options=config.options(),
        at=datetime.now(UTC),
        by=ACTOR,
        progress=_progress_callback(deadline),
    )
    return _import_metadata(done) | deadline.metadata("rows")


def _import_dropped_file(
    application: Application, event: Event, path: Path, config: RosterConfig, deadline: Deadline
) -> metadata.Metadata:
    if not path.exists():
        # a run that was killed after it filed the file is started again
        return {"outcome": f"{path.name} has left the drop folder: an earlier run took it"}
    taken = import_dropped_file(
        application.database, event, path, options=config.options(), at=datetime.now(UTC), by=ACTOR,
        progress=_progress_callback(deadline),
    )  # fmt: skip
    if not taken.succeeded:
        raise UnreadableFile(f"{taken.message}; the file is now {taken.archived_path}")
    filed: metadata.Metadata = {
        "filed as": dg.MetadataValue.path(taken.archived_path),
        "outcome": taken.message.partition("\n")[0],
    }
    return (
        filed
        if taken.result is None
        else filed | _import_metadata(taken.result) | deadline.metadata("rows")
    )


def _progress_callback(deadline: Deadline) -> ProgressCallback:
    def follow(rows: int, counts: ImportCounts) -> None:
        if counts.rows:
            deadline(counts.rows, rows)
        else:
            deadline(rows, None)  # still reading: how many there are is not known

    return follow


def _import_metadata(result: ImportResult) -> metadata.Metadata:
    return {
        "source": result.source,
        "import id": str(result.import_id or "none"),
        "dry run": result.dry_run,
        "rows": result.total,
        "inserted": result.inserted,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "quarantined": result.quarantined,
        "withdrawn": result.withdrawn,
        "read as": f"{result.encoding}, {result.delimiter!r} between columns",
        "changes": metadata.markdown_table(
            ["line", "person", "field", "was", "is"], result.changes, total=len(result.changes)
        ),
        "quarantine": metadata.markdown_table(
            ["line", "field", "value", "why"],
            [(row.line, row.field, row.value, row.reason) for row in result.quarantine],
            total=result.quarantined,
        ),
        "warnings": metadata.markdown_table(
            ["warning"], [(warning,) for warning in result.warnings], total=len(result.warnings)
        ),
    }
