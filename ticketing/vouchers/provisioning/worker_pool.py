"""Threads of the worker that call routers, one job at a time per router."""

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
    """Context manager. `on_done` receives each result or exception."""

    def __init__(
        self,
        context: ProvisioningContext,
        on_done: Callable[[ProvisionResult | BaseException, bool], None],
    ) -> None:
        """Call `on_done` in the job's thread; its second argument means: submit again at once."""
        self._context = context
        self._on_done = on_done
        # by router id: whether more work came in since the job was submitted
        self._in_flight: dict[int, bool] = {}
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_ROUTERS, thread_name_prefix="routers")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the running jobs and cancel the queued ones."""
        self._pool.shutdown(cancel_futures=True)

    def submit_due(self) -> None:
        """Submit a job for every router with due work that has none running."""
        context = self._context
        for router in list_due_routers(context.database, at=context.clock()):
            with self._lock:
                is_running = router.id in self._in_flight
                self._in_flight[router.id] = is_running
            if not is_running:
                future = self._pool.submit(provision_router, context, router.id)
                future.add_done_callback(partial(self._on_future_done, router.id))

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
