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
    accepted: AcceptedBatch | None = field(default=None, compare=False)


class TicketGenerationQueue:
    """Makes tickets beside the requests; `close` ends a batch under way as cancelled."""

    def __init__(
        self, create_context: Callable[[], GenerationContext], clock: Callable[[], datetime]
    ) -> None:
        """`means` gives a fresh set each time: two benches must not share a renderer."""
        self._single_context = create_context()
        self._batch_context = create_context()
        self._clock = clock
        self._single_executor = ThreadPoolExecutor(1, thread_name_prefix="single")
        self._queue: PriorityQueue[_QueuedBatch] = PriorityQueue()
        self._numbers = count()
        self._closing = threading.Event()
        self._batch_thread = threading.Thread(target=self._run_batches, name="batches")

    def start(self) -> None:
        """Begin to work."""
        self._batch_thread.start()

    def close(self) -> None:
        """Stop after the chunk under way; what waits is cancelled, and resumed by its batch id."""
        self._closing.set()
        self._queue.put(_QueuedBatch(-1, next(self._numbers)))
        self._batch_thread.join()
        self._single_executor.shutdown()
        while not self._queue.empty():
            self._cancel_queued(self._queue.get())

    def generate_ticket(self, event: Event, guest_id: int, *, by: str) -> IssuedTicket:
        """One person's ticket, made now; waits for those who asked before."""
        making = partial(
            get_or_create_ticket, self._single_context, event, guest_id, at=self._clock(), by=by
        )
        # log lines from the bench carry the request's number too
        return self._single_executor.submit(copy_context().run, making).result()

    def enqueue(self, event: Event, accepted: AcceptedBatch, priority: BatchPriority) -> None:
        """Let a batch wait for its turn."""
        rank = list(BatchPriority).index(priority)
        self._queue.put(_QueuedBatch(rank, next(self._numbers), event, accepted))

    @property
    def is_full(self) -> bool:
        """Whether no more batches are taken on: each keeps a database connection."""
        return self.queued_count >= MAX_QUEUED_BATCHES

    @property
    def queued_count(self) -> int:
        """How many batches wait."""
        return self._queue.qsize()

    def _run_batches(self) -> None:
        while not self._closing.is_set():
            waiting = self._queue.get()
            if (
                waiting.event is None
                or waiting.accepted is None
                or waiting.accepted.request is None
            ):
                continue
            with waiting.accepted.lock:
                self._run_batch(waiting.event, waiting.accepted.request)

    def _run_batch(self, event: Event, request: GenerationRequest) -> None:
        try:
            generate_tickets(
                self._batch_context,
                event,
                request,
                on_issue_progress=self._raise_if_closing,
                on_render_progress=self._raise_if_closing,
            )
        except KeyboardInterrupt:
            LOG.info("batch cancelled by the service's end", batch=request.key)
        except TicketingError as error:
            LOG.warning("batch failed", batch=request.key, code=error.code)
        except Exception as error:  # noqa: BLE001 - its row says failed; others wait
            LOG.warning("batch failed", batch=request.key, kind=type(error).__name__)

    def _raise_if_closing(self, _: object) -> None:
        """Between two chunks: the way an action is told to stop is the one of Ctrl-C."""
        if self._closing.is_set():
            raise KeyboardInterrupt

    def _cancel_queued(self, queued: _QueuedBatch) -> None:
        with ExitStack() as stack:
            if queued.accepted is not None:
                stack.enter_context(queued.accepted.lock)
                service.cancel_batch(
                    self._batch_context.database, queued.accepted.batch, at=self._clock()
                )
