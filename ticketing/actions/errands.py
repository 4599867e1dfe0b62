"""Errands to routers: a thread goes to each that waits, so that a slow one keeps nobody waiting."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Self

from ticketing.actions.provision import AT_ONCE, routers_due
from ticketing.actions.provision_router import serve_router
from ticketing.actions.provisioning import Provisioner, Round


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
