"""Settle waiting notifications, then create tickets and PDFs for the paid orders.

Both steps communicate only through rows. Killed anywhere or run twice at once, the next run
finds the remaining work, and nothing is created twice.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import inbox, notify
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.selling.payments.settle import (
    STATUS_CONCURRENCY,
    PaymentGateway,
    Settlement,
    settle,
)
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.generate import (
    GenerationContext,
    GenerationRequest,
    GenerationResult,
    generate_tickets,
)

MAX_GUESTS_PER_ROUND = 50  # few, so that the buyers of other events do not wait long
CHUNK = 10  # PDFs per transaction: a PDF is available when its chunk is committed
POLL_SECONDS = 2.0  # for work that sends no NOTIFY


@dataclass(frozen=True, slots=True)
class EventFulfilment:
    """The result for one event. `error` explains why it stopped, or is empty."""

    event: Event
    generation: GenerationResult | None
    error: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """Return the numbers of new tickets, renewed PDFs and failures."""
        generation = self.generation
        if generation is None:
            return {}
        return {
            "created": generation.created,
            "renewed": generation.renewed,
            "failed": generation.failed,
        }

    @property
    def changed_count(self) -> int:
        """Return the number of guests with a change."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class FulfilmentResult:
    """The result of one round: settled notifications, and tickets per event."""

    settlement: Settlement
    event_fulfilments: Sequence[EventFulfilment]

    @property
    def has_progress(self) -> bool:
        """Return whether another round may find more work."""
        return bool(
            handled_count(self.settlement)
            or any(each.changed_count for each in self.event_fulfilments)
        )


def fulfil_paid_orders(
    context: GenerationContext,
    gateway: PaymentGateway,
    *,
    at: datetime,
    by: str,
    concurrency: int = STATUS_CONCURRENCY,
) -> FulfilmentResult:
    """Run one round for all events; safe to repeat, to run concurrently, and to kill."""
    settlement = settle(context.database, gateway, at=at, by=by, concurrency=concurrency)
    return FulfilmentResult(settlement, generate_missing_tickets(context, at=at, by=by))


def handled_count(settlement: Settlement) -> int:
    """Return the number of notifications that need no further attempt."""
    return settlement.applied + settlement.unchanged + settlement.quarantined


def generate_missing_tickets(
    context: GenerationContext, *, at: datetime, by: str
) -> list[EventFulfilment]:
    """Create tickets and PDFs for the longest waiting buyers; an error stops only its event."""
    with context.database.transaction() as connection:
        waiting = [
            (event_queries.get(connection, pending.event_slug), pending.guest_ids)
            for pending in order_ticket_queries.list_paid_without_ticket(
                connection, at=at, limit_per_event=MAX_GUESTS_PER_ROUND
            )
        ]
    return [
        _fulfil_event(
            context, event, GenerationRequest(by=by, at=at, guest_ids=guest_ids, chunk=CHUNK)
        )
        for event, guest_ids in waiting
    ]


def _fulfil_event(
    context: GenerationContext, event: Event, request: GenerationRequest
) -> EventFulfilment:
    try:
        return EventFulfilment(event, generate_tickets(context, event, request))
    except TicketingError as error:
        return EventFulfilment(event, None, str(error))


@dataclass(frozen=True, slots=True)
class FulfilmentLoop:
    """Fulfil paid orders round after round; the callback receives each result."""

    context: GenerationContext
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    by: str
    on_round: Callable[[FulfilmentResult], None]
    concurrency: int = STATUS_CONCURRENCY

    def run_until_done(self) -> bool:
        """Run rounds until no work is left; return whether there was any."""
        did_something = False
        while True:
            result = fulfil_paid_orders(
                self.context, self.gateway, at=self.clock(), by=self.by,
                concurrency=self.concurrency,
            )  # fmt: skip
            self.on_round(result)
            if not result.has_progress:
                return did_something
            did_something = True

    def run_until_idle(self, idle_seconds: float, *, max_seconds: float) -> None:
        """Run rounds until no work arrives for `idle_seconds`, for at most the given time.

        Work that arrives meanwhile does not have to wait for the start of another process.
        """
        began = quiet_since = time.monotonic()
        with notify.listen(self.context.database) as listener:
            while True:
                if self.run_until_done():
                    quiet_since = time.monotonic()
                now = time.monotonic()
                if now - quiet_since >= idle_seconds or now - began >= max_seconds:
                    return
                listener.wait(min(POLL_SECONDS, idle_seconds))


def has_overdue_work(database: Database, *, worker_grace: timedelta, at: datetime) -> bool:
    """Return whether there is work that no worker does: none runs, or it exceeds its time."""
    with database.transaction() as connection:
        since = at - worker_grace if notify.is_worker_running(connection) else at
        return inbox.has_overdue(connection, since, at=at) or order_ticket_queries.has_overdue_work(
            connection, since=since, at=at
        )
