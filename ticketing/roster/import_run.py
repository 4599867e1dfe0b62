"""One run of an import as a context manager: insert, count, close."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.roster import import_queries


@dataclass(frozen=True, slots=True)
class ImportRun:
    """Insert a running import on entry, return its id, and mark it as failed on any error.

    The caller holds the event's import lock: imports left running by others are closed first.
    """

    database: Database
    event_id: int
    kind: str
    name: str
    by: str
    now: Callable[[], datetime]
    import_ids: list[int] = field(default_factory=list)

    def __enter__(self) -> int:
        """Mark interrupted imports, and insert a new one."""
        at = self.now()
        with self.database.transaction() as connection:
            import_queries.mark_interrupted(connection, self.event_id, at=at)
            import_id = import_queries.insert_import(
                connection, self.event_id, kind=self.kind, name=self.name, by=self.by, at=at
            )
        self.import_ids.append(import_id)
        return import_id

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Mark the import as failed if there was an error."""
        if kind is None:
            return
        # messages of other exceptions could contain personal data
        message = str(error) if isinstance(error, TicketingError) else kind.__name__
        self.database.run(import_queries.mark_failed, self.import_ids[0], message, at=self.now())
