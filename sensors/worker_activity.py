"""What others did for who has paid, each deed told once; and whether a run already sees to it."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from ticket_assets.batch import ACTOR
from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import AuditEntry
from ticketing.platform.db.database import Database

ACTIVE_RUN_WINDOW = timedelta(
    minutes=1
)  # then another is asked for: the first may have died unnoticed
CURSOR_OVERLAP = 500  # lines of the audit log: committed later than one with a higher number
MAX_ENTRIES = 5000
ACTIVE_STATUSES = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


@dataclass(frozen=True, slots=True)
class SensorCursor:
    """Which deeds were told: all up to a number, but the latest by name."""

    last_id: int = 0
    recent_ids: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, cursor: str | None) -> "SensorCursor":
        """As the last tick left it."""
        known = json.loads(cursor) if cursor else {}
        return cls(known.get("last", 0), frozenset(known.get("latest", [])))

    @property
    def serialized(self) -> str:
        """For the next tick."""
        return json.dumps({"last": self.last_id, "latest": sorted(self.recent_ids)})

    @property
    def start_after(self) -> int:
        """Where to look from."""
        return max(0, self.last_id - CURSOR_OVERLAP)

    def advanced(self, entries: Iterable[AuditEntry]) -> "SensorCursor":
        """After these were told, too."""
        known = {deed.id for deed in entries} | self.recent_ids
        last = max(known, default=self.last_id)
        return SensorCursor(
            last, frozenset(number for number in known if number > last - CURSOR_OVERLAP)
        )


def list_unreported_entries(
    database: Database, cursor: SensorCursor, actions: Collection[str]
) -> list[AuditEntry]:
    """Deeds of others than Dagster that were not told of yet."""
    with database.transaction() as connection:
        lines = audit_log.list_entries(
            connection,
            actions,
            after_id=cursor.start_after,
            excluding_actors=[ACTOR],
            limit=MAX_ENTRIES,
        )
    return [deed for deed in lines if deed.id not in cursor.recent_ids]


def has_active_run(instance: DagsterInstance, job_name: str) -> bool:
    """Whether a run of the job was asked for a moment ago, and has not ended."""
    filters = RunsFilter(
        job_name=job_name,
        statuses=ACTIVE_STATUSES,
        created_after=datetime.now(UTC) - ACTIVE_RUN_WINDOW,
    )
    return bool(instance.get_run_ids(filters, limit=1))
