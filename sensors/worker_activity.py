"""Audit entries not reported to Dagster yet."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from ticket_assets.batch import ACTOR
from ticketing.platform.db import audit_log
from ticketing.platform.db.audit_log import AuditEntry
from ticketing.platform.db.database import Database

CURSOR_OVERLAP = 500  # ids that may be committed after higher ones
MAX_ENTRIES = 5000


@dataclass(frozen=True, slots=True)
class SensorCursor:
    """Reported audit entries: all up to an id, with recent ids listed individually."""

    last_id: int = 0
    recent_ids: frozenset[int] = frozenset()
    is_first: bool = field(default=True, compare=False)  # nothing was reported before

    @classmethod
    def parse(cls, cursor: str | None) -> "SensorCursor":
        """Parse the previous tick's cursor."""
        known = json.loads(cursor) if cursor else {}
        is_first = not known.get("begun", False)
        return cls(known.get("last", 0), frozenset(known.get("latest", [])), is_first)

    @property
    def serialized(self) -> str:
        """Return the cursor for the next tick."""
        latest = sorted(self.recent_ids)
        return json.dumps({"last": self.last_id, "latest": latest, "begun": True})

    @property
    def start_after(self) -> int:
        """Return the id after which to read."""
        return max(0, self.last_id - CURSOR_OVERLAP)

    def advanced(self, entries: Iterable[AuditEntry]) -> "SensorCursor":
        """Return the cursor after these entries."""
        known = {entry.id for entry in entries} | self.recent_ids
        last = max(known, default=self.last_id)
        return SensorCursor(
            last, frozenset(entry_id for entry_id in known if entry_id > last - CURSOR_OVERLAP)
        )


def list_unreported_entries(
    database: Database, cursor: SensorCursor, actions: Collection[str]
) -> list[AuditEntry]:
    """Return unreported audit entries of actors other than Dagster."""
    with database.transaction() as connection:
        entries = audit_log.list_entries(
            connection,
            actions,
            after_id=cursor.start_after,
            excluding_actors=[ACTOR],
            limit=MAX_ENTRIES,
        )
    return [entry for entry in entries if entry.id not in cursor.recent_ids]
