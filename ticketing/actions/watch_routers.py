"""Routers that somebody waits for and nobody goes to: for whoever stands in when no worker does."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from ticketing.actions.provision import routers_due
from ticketing.actions.router_doors import RouterDoors
from ticketing.domain.errors import TicketingError
from ticketing.store import bell
from ticketing.store.database import Database
from ticketing.store.routers import StoredRouter


def neglected(database: Database, *, workers_time: timedelta, at: datetime) -> list[StoredRouter]:
    """The routers that could be asked about something: no worker is there, or it has not."""
    with database.transaction() as connection:
        since = at - workers_time if bell.somebody_listens(connection) else at
    return routers_due(database, at=since)


def answering(doors: RouterDoors, asked: Collection[StoredRouter]) -> list[str]:
    """Those of them that are well, by name; all are asked side by side, and nothing changes."""
    if not asked:
        return []
    # all of them, however many: a tick is to end although none answers
    with ThreadPoolExecutor(len(asked), thread_name_prefix="routers") as pool:
        names = pool.map(lambda router: _name_if_well(doors, router), asked)
        return [name for name in names if name is not None]


def _name_if_well(doors: RouterDoors, router: StoredRouter) -> str | None:
    try:
        doors.to(router).health()
    except TicketingError:
        return None
    return router.name
