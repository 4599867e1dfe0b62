"""Where tickets are made for the web: one bench for who is waiting, one for batches.

A renderer is for one thread, so each bench is one thread with a renderer of its own.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import count
from queue import PriorityQueue

import structlog

from ticketing.events.model import Event
from ticketing.platform.kernel.errors import TicketingError
from ticketing.tickets.batches import service
from ticketing.tickets.batches.service import AcceptedBatch
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets
from ticketing.tickets.single_ticket import get_or_create_ticket
from ticketing.tickets.ticket_queries import IssuedTicket

LOG = structlog.stdlib.get_logger("ticketing.app.web")
MAX_QUEUED_BATCHES = 10


class BatchPriority(StrEnum):
    """Which of the batches that wait is next."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, order=True)
class _QueuedBatch:
    """A batch that waits for its turn; None is the sign to stop, and comes first."""

    rank: int
    number: int
    event: Event | None = field(default=None, compare=False)
    taken: AcceptedBatch | None = field(default=None, compare=False)


class TicketGenerationQueue:
    """Makes tickets beside the requests; `close` ends a batch under way as cancelled."""

    def __init__(
        self, means: Callable[[], GenerationContext], clock: Callable[[], datetime]
    ) -> None:
        """`means` gives a fresh set each time: two benches must not share a renderer."""
        self._single_means = means()
        self._batch_means = means()
        self._clock = clock
        self._single = ThreadPoolExecutor(1, thread_name_prefix="single")
        self._queue: PriorityQueue[_QueuedBatch] = PriorityQueue()
        self._numbers = count()
        self._closing = threading.Event()
        self._batches = threading.Thread(target=self._work, name="batches")

    def open(self) -> None:
        """Begin to work."""
        self._batches.start()

    def close(self) -> None:
        """Stop after the chunk under way; what waits is cancelled, and resumed by its batch id."""
        self._closing.set()
        self._queue.put(_QueuedBatch(-1, next(self._numbers)))
        self._batches.join()
        self._single.shutdown()
        while not self._queue.empty():
            self._cancel(self._queue.get())

    def ticket(self, event: Event, guest_id: int, *, by: str) -> IssuedTicket:
        """One person's ticket, made now; waits for those who asked before."""
        making = partial(
            get_or_create_ticket, self._single_means, event, guest_id, at=self._clock(), by=by
        )
        # log lines from the bench carry the request's number too
        return self._single.submit(copy_context().run, making).result()

    def put(self, event: Event, taken: AcceptedBatch, priority: BatchPriority) -> None:
        """Let a batch wait for its turn."""
        rank = list(BatchPriority).index(priority)
        self._queue.put(_QueuedBatch(rank, next(self._numbers), event, taken))

    @property
    def is_full(self) -> bool:
        """Whether no more batches are taken on: each keeps a database connection."""
        return self.waiting >= MAX_QUEUED_BATCHES

    @property
    def waiting(self) -> int:
        """How many batches wait."""
        return self._queue.qsize()

    def _work(self) -> None:
        while not self._closing.is_set():
            waiting = self._queue.get()
            if waiting.event is None or waiting.taken is None or waiting.taken.order is None:
                continue
            with waiting.taken.hold:
                self._carry_out(waiting.event, waiting.taken.order)

    def _carry_out(self, event: Event, order: GenerationRequest) -> None:
        try:
            generate_tickets(
                self._batch_means, event, order, issuing=self._go_on, printing=self._go_on
            )
        except KeyboardInterrupt:
            LOG.info("batch cancelled by the service's end", batch=order.key)
        except TicketingError as error:
            LOG.warning("batch failed", batch=order.key, code=error.code)
        except Exception as error:  # noqa: BLE001 - its row says failed; others wait
            LOG.warning("batch failed", batch=order.key, kind=type(error).__name__)

    def _go_on(self, _: object) -> None:
        """Between two chunks: the way an action is told to stop is the one of Ctrl-C."""
        if self._closing.is_set():
            raise KeyboardInterrupt

    def _cancel(self, waiting: _QueuedBatch) -> None:
        with ExitStack() as stack:
            if waiting.taken is not None:
                stack.enter_context(waiting.taken.hold)
                service.cancel_batch(
                    self._batch_means.database, waiting.taken.batch, at=self._clock()
                )
