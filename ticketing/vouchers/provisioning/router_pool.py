"""Errands to routers: a thread goes to each that waits, so that a slow one keeps nobody waiting.

Routers that somebody waits for and nobody goes to: for whoever stands in when no worker does.
"""

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import Self

from ticketing.platform.db import notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.provisioning.provision import AT_ONCE, routers_due, serve_router
from ticketing.vouchers.provisioning.provisioner import Provisioner, Round
from ticketing.vouchers.provisioning.router_admin import RouterDoors


class Errands:
    """For a worker, from `with` on. `back` hears of each that is back: its round, or why none."""

    def __init__(
        self, means: Provisioner, back: Callable[[Round | BaseException, bool], None]
    ) -> None:
        """`back` is told, in the errand's thread, whether to send somebody again at once."""
        self._means = means
        self._back = back
        self._away: dict[int, bool] = {}  # at which routers; whether more has come for it since
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="routers")

    def __enter__(self) -> Self:
        """Nobody goes before it is asked for."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for those who are away; nobody goes any more."""
        self._pool.shutdown(cancel_futures=True)

    def send(self) -> None:
        """Somebody to every router that waits, but where somebody is."""
        means = self._means
        for router in routers_due(means.database, at=means.clock()):
            with self._lock:
                is_there = router.id in self._away
                self._away[router.id] = is_there
            if not is_there:
                errand = self._pool.submit(serve_router, means, router.id)
                errand.add_done_callback(partial(self._ended, router.id))

    def _ended(self, router_id: int, errand: Future[Round]) -> None:
        with self._lock:
            more_came = self._away.pop(router_id)
        if errand.cancelled():
            return
        error = errand.exception()
        if error is not None:
            self._back(error, False)
            return
        done = errand.result()
        self._back(done, done.moved or more_came)


def neglected(database: Database, *, workers_time: timedelta, at: datetime) -> list[StoredRouter]:
    """The routers that could be asked about something: no worker is there, or it has not."""
    with database.transaction() as connection:
        since = at - workers_time if notify.somebody_listens(connection) else at
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
