"""Serving who has paid for as long as there is something to do, and knowing whether there is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.actions.generate import Means
from ticketing.actions.serve_paid import Service, serve_paid
from ticketing.actions.settle import Gateway
from ticketing.store import bell, inbox_state, owed_tickets
from ticketing.store.database import Database

PATROL_SECONDS = 2.0  # for what no bell rings for


@dataclass(frozen=True, slots=True)
class Rounds:
    """Whoever serves, round after round; each round that found something is told."""

    means: Means
    gateway: Gateway
    clock: Callable[[], datetime]
    by: str
    told: Callable[[Service], None]

    def serve_all(self) -> bool:
        """Until nothing is left that can be done now. Whether there was anything at all."""
        served_any = False
        while True:
            service = serve_paid(self.means, self.gateway, at=self.clock(), by=self.by)
            self.told(service)
            if not service.did_something:
                return served_any
            served_any = True

    def serve_until_quiet(self, quiet_seconds: float, *, most_seconds: float) -> None:
        """Until nothing came for so long: what comes next need not wait for another to begin."""
        began = quiet_since = time.monotonic()
        with bell.listening(self.means.database) as ours:
            while True:
                if self.serve_all():
                    quiet_since = time.monotonic()
                now = time.monotonic()
                if now - quiet_since >= quiet_seconds or now - began >= most_seconds:
                    return
                ours.rings(min(PATROL_SECONDS, quiet_seconds))


def somebody_waits(database: Database, *, workers_time: timedelta, at: datetime) -> bool:
    """Whether there is something to serve that nobody will: no worker is there, or it has not."""
    with database.transaction() as connection:
        since = at - workers_time if bell.somebody_listens(connection) else at
        return inbox_state.has_due_since(connection, since, at=at) or owed_tickets.somebody_waits(
            connection, since=since, at=at
        )
