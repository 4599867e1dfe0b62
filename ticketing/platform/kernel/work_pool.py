"""Threads that work on claimed items, each item by itself: a slow one holds up no other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkPool(Generic[Item, Result]):
    """Context manager; leaving it waits for the items in progress.

    An item is claimed when a thread is free for it. So claims do not wait in a queue of this
    process, and what is claimed is limited by the number of threads.
    """

    def __init__(
        self,
        size: int,
        claim: Callable[[int], Sequence[Item]],
        work: Callable[[Item], Result],
        *,
        limit: int | None = None,
        on_done: Callable[[], None] = lambda: None,
        name: str,
    ) -> None:
        """Claim at most as many items as asked for; call `on_done` in the thread of each item.

        After `limit` items none is claimed any more.
        """
        self._size, self._claim, self._work, self._on_done = size, claim, work, on_done
        self._left = limit
        self._done = SimpleQueue[Future[Result]]()
        self._changed = Event()
        self._filling = Lock()
        self._counting = Lock()
        self._running = 0
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the items in progress."""
        self._threads.shutdown()

    def fill(self) -> int:
        """Start items until every thread has one or none is due; return the number started.

        With quick items it returns nevertheless, so that the caller can stop or use the results.
        """
        started = 0
        with self._filling:
            while started < self._size and (items := self._claim_free()):
                for item in items:
                    self._start(item)
                started += len(items)
        return started

    def _claim_free(self) -> Sequence[Item]:
        """Claim an item for each free thread, within the limit."""
        free = self._size - self._running
        count = free if self._left is None else min(free, self._left)
        items = self._claim(count) if count else []
        if self._left is not None:
            self._left -= len(items)
        return items

    def take_done(self) -> list[Future[Result]]:
        """Return the items that ended since the last call."""
        done = list[Future[Result]]()
        while True:
            try:
                done.append(self._done.get_nowait())
            except Empty:
                return done

    def run_until_idle(self) -> None:
        """Work until no item is in progress and none is due."""
        while self._advance():
            pass

    def iter_done(self) -> Iterator[Future[Result]]:
        """Work until no item is in progress and none is due; yield each item when it ends."""
        while self._advance():
            yield from self.take_done()
        yield from self.take_done()

    def _advance(self) -> bool:
        """Start items and wait until one ends; return False if none is in progress or due."""
        self._changed.clear()
        was_idle = self._running == 0
        if not self.fill() and was_idle:
            return False
        if self._running:
            self._changed.wait()
        return True

    def _start(self, item: Item) -> None:
        with self._counting:
            self._running += 1
        self._threads.submit(self._work, item).add_done_callback(self._on_future_done)

    def _on_future_done(self, future: Future[Result]) -> None:
        self._done.put(future)
        with self._counting:
            self._running -= 1
        self._changed.set()
        self._on_done()


def work_side_by_side(
    items: Iterable[Item], work: Callable[[Item], Result], *, size: int, name: str
) -> Iterator[Result]:
    """Yield the result of each item when it ends, with at most `size` items in progress.

    An item is taken when a thread is free for it. An error of the work is raised, and then no item
    is begun any more.
    """
    remaining = iter(items)
    with WorkPool(size, lambda count: list(islice(remaining, count)), work, name=name) as pool:
        for done in pool.iter_done():
            yield done.result()
