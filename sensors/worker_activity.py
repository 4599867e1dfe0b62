"""What others did for who has paid, each deed told once; and whether a run already sees to it."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from ticket_assets.batch import BY
from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import Deed
from ticketing.platform.db.database import Database

RUNS_TIME = timedelta(minutes=1)  # then another is asked for: the first may have died unnoticed
OVERLAP = 500  # lines of the audit log: committed later than one with a higher number
LINES_AT_ONCE = 5000
UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


@dataclass(frozen=True, slots=True)
class Told:
    """Which deeds were told: all up to a number, but the latest by name."""

    last: int = 0
    latest: frozenset[int] = frozenset()

    @classmethod
    def remembered(cls, cursor: str | None) -> "Told":
        """As the last tick left it."""
        known = json.loads(cursor) if cursor else {}
        return cls(known.get("last", 0), frozenset(known.get("latest", [])))

    @property
    def cursor(self) -> str:
        """For the next tick."""
        return json.dumps({"last": self.last, "latest": sorted(self.latest)})

    @property
    def after(self) -> int:
        """Where to look from."""
        return max(0, self.last - OVERLAP)

    def and_now(self, deeds: Iterable[Deed]) -> "Told":
        """After these were told, too."""
        known = {deed.id for deed in deeds} | self.latest
        last = max(known, default=self.last)
        return Told(last, frozenset(number for number in known if number > last - OVERLAP))


def new_deeds(database: Database, told: Told, actions: Collection[str]) -> list[Deed]:
    """Deeds of others than Dagster that were not told of yet."""
    with database.transaction() as connection:
        lines = audit_log.deeds(connection, actions, after=told.after, but=[BY], most=LINES_AT_ONCE)
    return [deed for deed in lines if deed.id not in told.latest]


def is_under_way(instance: DagsterInstance, job_name: str) -> bool:
    """Whether a run of the job was asked for a moment ago, and has not ended."""
    filters = RunsFilter(
        job_name=job_name, statuses=UNDER_WAY, created_after=datetime.now(UTC) - RUNS_TIME
    )
    return bool(instance.get_run_ids(filters, limit=1))
