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
        context: ProvisioningContext,
        on_done: Callable[[ProvisionResult | BaseException, bool], None],
    ) -> None:
        """`back` is told, in the errand's thread, whether to send somebody again at once."""
        self._context = context
        self._on_done = on_done
        self._in_flight: dict[
            int, bool
        ] = {}  # at which routers; whether more has come for it since
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_ROUTERS, thread_name_prefix="routers")

    def __enter__(self) -> Self:
        """Nobody goes before it is asked for."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for those who are away; nobody goes any more."""
        self._pool.shutdown(cancel_futures=True)

    def submit_due(self) -> None:
        """Somebody to every router that waits, but where somebody is."""
        means = self._context
        for router in list_due_routers(means.database, at=means.clock()):
            with self._lock:
                is_there = router.id in self._in_flight
                self._in_flight[router.id] = is_there
            if not is_there:
                errand = self._pool.submit(provision_router, means, router.id)
                errand.add_done_callback(partial(self._on_future_done, router.id))

    def _on_future_done(self, router_id: int, future: Future[ProvisionResult]) -> None:
        with self._lock:
            more_came = self._in_flight.pop(router_id)
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._on_done(error, False)
            return
        done = future.result()
        self._on_done(done, done.has_progress or more_came)
