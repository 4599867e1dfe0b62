"""Where the people of an event come from, and taking them in."""

import os
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from ticket_assets import exhibits
from ticket_assets.attempts import LIMIT_SECONDS, WHEN_TIME_IS_UP, Watch
from ticket_assets.batch import BY
from ticketing.actions.drop_folder import take
from ticketing.actions.import_result import ImportOptions, ImportResult
from ticketing.actions.import_roster import Progress, Source, import_roster
from ticketing.application import Application
from ticketing.domain.errors import Misconfigured, UnreadableFile
from ticketing.domain.events import Event
from ticketing.domain.roster import Counts
from ticketing.gateways.roster_files import RosterFile
from ticketing.gateways.roster_sql import RosterQuery


class Roster(dg.Config):
    """Where people come from. With neither path nor query, nobody is imported."""

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
    limit_seconds: float = Field(default=LIMIT_SECONDS, gt=0, description=WHEN_TIME_IS_UP)

    def source(self) -> Source | None:
        """What to read; None to leave the people as they are."""
        if self.path is not None and self.query is not None:
            raise Misconfigured("path and query are both set: a roster comes from one of them")
        if self.query is None:
            return None if self.path is None else RosterFile(Path(self.path))
        address = os.environ.get(self.url_env or "")
        if not address:
            raise Misconfigured(f"url_env: no environment variable {self.url_env!r} has an address")
        return RosterQuery(address, self.query)

    def options(self) -> ImportOptions:
        """How to read it."""
        return ImportOptions(
            mapping=self.mapping, encoding=self.encoding, delimiter=self.delimiter,
            dry_run=self.dry_run, withdraw_absent=self.withdraw_absent,
        )  # fmt: skip


def take_in(
    application: Application, event: Event, roster: Roster, watch: Watch
) -> exhibits.Metadata:
    """Import what the roster names, if anything; says where every row went."""
    source = roster.source()
    if source is None:
        return {}
    if roster.dropped and isinstance(source, RosterFile):
        return _take_dropped(application, event, source.path, roster, watch)
    done = import_roster(
        application.database, event, source, options=roster.options(), at=datetime.now(UTC), by=BY,
        progress=_followed_by(watch),
    )  # fmt: skip
    return _told(done) | watch.metadata("rows")


def _take_dropped(
    application: Application, event: Event, path: Path, roster: Roster, watch: Watch
) -> exhibits.Metadata:
    if not path.exists():
        # a run that was killed after it filed the file is started again
        return {"outcome": f"{path.name} has left the drop folder: an earlier run took it"}
    taken = take(
        application.database, event, path, options=roster.options(), at=datetime.now(UTC), by=BY,
        progress=_followed_by(watch),
    )  # fmt: skip
    if not taken.succeeded:
        raise UnreadableFile(f"{taken.message}; the file is now {taken.filed_as}")
    filed: exhibits.Metadata = {
        "filed as": dg.MetadataValue.path(taken.filed_as),
        "outcome": taken.message.partition("\n")[0],
    }
    return filed if taken.result is None else filed | _told(taken.result) | watch.metadata("rows")


def _followed_by(watch: Watch) -> Progress:
    def follow(rows: int, counts: Counts) -> None:
        if counts.rows:
            watch(counts.rows, rows)
        else:
            watch(rows, None)  # still reading: how many there are is not known

    return follow


def _told(done: ImportResult) -> exhibits.Metadata:
    return {
        "source": done.source,
        "import id": str(done.import_id or "none"),
        "dry run": done.dry_run,
        "rows": done.total,
        "inserted": done.inserted,
        "updated": done.updated,
        "unchanged": done.unchanged,
        "quarantined": done.quarantined,
        "withdrawn": done.withdrawn,
        "read as": f"{done.encoding}, {done.delimiter!r} between columns",
        "changes": exhibits.table(
            ["line", "person", "field", "was", "is"], done.changes, total=len(done.changes)
        ),
        "quarantine": exhibits.table(
            ["line", "field", "value", "why"],
            [(row.line, row.field, row.value, row.reason) for row in done.quarantine],
            total=done.quarantined,
        ),
        "warnings": exhibits.table(
            ["warning"], [(warning,) for warning in done.warnings], total=len(done.warnings)
        ),
    }
