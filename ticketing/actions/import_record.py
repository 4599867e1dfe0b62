"""An import's line in the history, from its beginning to however it ends."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

from ticketing.domain.errors import TicketingError
from ticketing.store import imports
from ticketing.store.database import Database


@dataclass(frozen=True, slots=True)
class Record:
    """Begins a running import on entering, gives its number, and marks it as failed on any error.

    Only for who holds the event's turn: what others left running is closed first.
    """

    database: Database
    event_id: int
    kind: str
    name: str
    by: str
    now: Callable[[], datetime]
    begun: list[int] = field(default_factory=list)

    def __enter__(self) -> int:
        """Close what was interrupted, and begin."""
        at = self.now()
        with self.database.transaction() as connection:
            imports.close_interrupted(connection, self.event_id, at=at)
            import_id = imports.begin(
                connection, self.event_id, kind=self.kind, name=self.name, by=self.by, at=at
            )
        self.begun.append(import_id)
        return import_id

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Say why, if it failed."""
        if kind is None:
            return
        # anything but our own words could quote somebody's data
        message = str(error) if isinstance(error, TicketingError) else kind.__name__
        with self.database.transaction() as connection:
            imports.fail(connection, self.begun[0], message, at=self.now())
