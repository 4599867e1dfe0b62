"""One job at a time per router."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Self

from ticketing.vouchers.provisioning.context import ProvisioningContext, ProvisionResult
from ticketing.vouchers.provisioning.provision import (
    MAX_CONCURRENT_ROUTERS,
    list_due_routers,
    provision_router,
)


class RouterWorkerPool:
    """For a worker, from `with` on. `back` hears of each that is back: its round, or why none."""

    def __init__(
        self,
        means: ProvisioningContext,
        back: Callable[[ProvisionResult | BaseException, bool], None],
    ) -> None:
        """`back` is told, in the errand's thread, whether to send somebody again at once."""
        self._means = means
        self._back = back
        self._away: dict[int, bool] = {}  # at which routers; whether more has come for it since
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_ROUTERS, thread_name_prefix="routers")

    def __enter__(self) -> Self:
        """Nobody goes before it is asked for."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for those who are away; nobody goes any more."""
        self._pool.shutdown(cancel_futures=True)

    def send(self) -> None:
        """Somebody to every router that waits, but where somebody is."""
        means = self._means
        for router in list_due_routers(means.database, at=means.clock()):
            with self._lock:
                is_there = router.id in self._away
                self._away[router.id] = is_there
            if not is_there:
                errand = self._pool.submit(provision_router, means, router.id)
                errand.add_done_callback(partial(self._ended, router.id))

    def _ended(self, router_id: int, errand: Future[ProvisionResult]) -> None:
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
