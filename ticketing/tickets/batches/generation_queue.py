"""Ticket generation for the web service: one thread for single tickets, one for batches.

Threads that render the same template take turns, one ticket at a time.
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
from ticketing.tickets.batches import queries
from ticketing.tickets.batches.batch import BatchCancelled
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.batches.service import AcceptedBatch
from ticketing.tickets.generate import GenerationContext, GenerationRequest, generate_tickets
from ticketing.tickets.rendering.render import RenderResult, render_tickets
from ticketing.tickets.single_ticket import get_or_create_ticket
from ticketing.tickets.ticket_queries import IssuedTicket

LOG = structlog.stdlib.get_logger("ticketing.app.web")
MAX_QUEUED_BATCHES = 10


class BatchPriority(StrEnum):
    """Order of the waiting batches."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, order=True)
class _QueuedBatch:
    """A waiting batch; without an event it is the signal to stop, and comes first."""

    rank: int
    number: int
    event: Event | None = field(default=None, compare=False)
    accepted: AcceptedBatch | None = field(default=None, compare=False)


class TicketGenerationQueue:
    """Generates tickets in background threads; `close` cancels a running batch."""

    def __init__(
        self, create_context: Callable[[], GenerationContext], clock: Callable[[], datetime]
    ) -> None:
        """`create_context` is called once per thread."""
        self._single_context = create_context()
        self._batch_context = create_context()
        self._clock = clock
        self._single_executor = ThreadPoolExecutor(1, thread_name_prefix="single")
        self._queue: PriorityQueue[_QueuedBatch] = PriorityQueue()
        self._numbers = count()
        self._closing = threading.Event()
        self._batch_thread = threading.Thread(target=self._run_batches, name="batches")

    def start(self) -> None:
        """Start the batch thread."""
        self._batch_thread.start()

    def close(self) -> None:
        """Stop after the current chunk; waiting batches are cancelled and can be resumed by id."""
        self._closing.set()
        self._queue.put(_QueuedBatch(-1, next(self._numbers)))
        self._batch_thread.join()
        self._single_executor.shutdown()
        while not self._queue.empty():
            self._cancel_queued(self._queue.get())

    def generate_ticket(
        self, event: Event, guest_id: int, *, by: str, template_id: str | None = None
    ) -> IssuedTicket:
        """Return the ticket of a guest, created if needed, after earlier requests."""
        call = partial(
            get_or_create_ticket, self._single_context, event, guest_id, template_id=template_id,
            at=self._clock(), by=by,
        )  # fmt: skip
        # log lines of the thread include the request id
        return self._single_executor.submit(copy_context().run, call).result()

    def render_guest(self, event: Event, guest_id: int) -> RenderResult:
        """Render the stale PDFs of a guest, after earlier requests."""
        context = self._single_context
        call = partial(
            render_tickets, context.database, event, renderer=context.renderer,
            folder=context.folder, at=self._clock(), guest_ids=[guest_id],
        )  # fmt: skip
        return self._single_executor.submit(copy_context().run, call).result()

    def enqueue(self, event: Event, accepted: AcceptedBatch, priority: BatchPriority) -> None:
        """Add a batch to the queue."""
        rank = list(BatchPriority).index(priority)
        self._queue.put(_QueuedBatch(rank, next(self._numbers), event, accepted))

    @property
    def is_full(self) -> bool:
        """Return whether the queue is full; every waiting batch keeps a database connection."""
        return self.queued_count >= MAX_QUEUED_BATCHES

    @property
    def queued_count(self) -> int:
        """Return the number of waiting batches."""
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
        except BatchCancelled:
            LOG.info("batch cancelled by shutdown", batch=request.key)
        except TicketingError as error:
            LOG.warning("batch failed", batch=request.key, code=error.code)
        except Exception as error:  # noqa: BLE001 - its row says failed; others are waiting
            LOG.warning("batch failed", batch=request.key, kind=type(error).__name__)

    def _raise_if_closing(self, _: object) -> None:
        """Cancel the batch between two chunks when the queue closes."""
        if self._closing.is_set():
            raise BatchCancelled

    def _cancel_queued(self, queued: _QueuedBatch) -> None:
        with ExitStack() as stack:
            if queued.accepted is not None:
                stack.enter_context(queued.accepted.lock)
                self._batch_context.database.run(
                    queries.close_batch,
                    queued.accepted.batch.id,
                    state=BatchState.CANCELLED,
                    at=self._clock(),
                )
