"""Serving who has paid for as long as there is something to do, and knowing whether there is.

Serving who has paid: waiting notices are settled, then the new places get tickets and PDFs.

The two halves know of each other only through rows. Killed anywhere, or run by several at once,
whoever runs it next finds what is left, and nobody gets a thing twice.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db import audit_log, inbox, notify
from ticketing.platform.db.audit_log import FULFIL_ORDERS_ACTION
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.selling.payments.settle import PaymentGateway, Settlement, settle
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.generate import (
    GenerationContext,
    GenerationRequest,
    GenerationResult,
    generate_tickets,
)

SETTLE_THREADS = 4  # a gateway far away takes a tenth of a second an answer


NOTIFICATIONS_PER_THREAD = (
    5  # what a killed asker had claimed waits for the end of its lease: so, few
)


MAX_GUESTS_PER_ROUND = (
    50  # of one event at a time, so that another event's buyers need not wait long
)


CHUNK = 10  # PDFs a transaction: a buyer's is there when its chunk is


@dataclass(frozen=True, slots=True)
class EventFulfilment:
    """What one event's buyers got. `trouble` is why the rest of them got nothing; else empty."""

    event: Event
    generation: GenerationResult | None
    error: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """New tickets, new PDFs of older tickets, and failures, which are in their rows."""
        made = self.generation
        if made is None:
            return {}
        return {"created": made.created, "renewed": made.renewed, "failed": made.failed}

    @property
    def changed_count(self) -> int:
        """For how many something has changed."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class FulfilmentResult:
    """One round: how notices ended, and what came of it for each event."""

    settlement: Settlement
    event_fulfilments: Sequence[EventFulfilment]

    @property
    def has_progress(self) -> bool:
        """Whether another round may find more to do."""
        return bool(
            handled_count(self.settlement)
            or any(each.changed_count for each in self.event_fulfilments)
        )


def fulfil_paid_orders(
    context: GenerationContext, gateway: PaymentGateway, *, at: datetime, by: str
) -> FulfilmentResult:
    """One round for all events; safe to repeat, to run twice at once, and to kill."""
    settlement = settle_concurrently(context.database, gateway, at=at, by=by)
    return FulfilmentResult(settlement, generate_missing_tickets(context, at=at, by=by))


def settle_concurrently(
    database: Database, gateway: PaymentGateway, *, at: datetime, by: str
) -> Settlement:
    """Settle the oldest notices, several at a time: most of it is waiting for the gateway."""
    with database.transaction() as connection:
        waiting = inbox.count_due(
            connection, at=at, limit=SETTLE_THREADS * NOTIFICATIONS_PER_THREAD
        )
    if not waiting:
        return _sum_settlements([])
    askers = min(SETTLE_THREADS, waiting)

    def ask(_: int) -> Settlement:
        return settle(database, gateway, at=at, by=by, limit=-(-waiting // askers))

    with ThreadPoolExecutor(askers, thread_name_prefix="settling") as pool:
        return _sum_settlements(pool.map(ask, range(askers)))


def handled_count(settlement: Settlement) -> int:
    """How many notices are done with."""
    return settlement.applied + settlement.unchanged + settlement.quarantined


def _sum_settlements(parts: Iterable[Settlement]) -> Settlement:
    nothing = Settlement(0, 0, 0, 0)
    return Settlement(*map(sum, zip(*map(astuple, [nothing, *parts]), strict=True)))


def generate_missing_tickets(
    context: GenerationContext, *, at: datetime, by: str
) -> list[EventFulfilment]:
    """Tickets and PDFs for those who wait longest; one event's trouble stops no other."""
    with context.database.transaction() as connection:
        waiting = [
            (event_queries.get(connection, owed.event_slug), owed.guest_ids)
            for owed in order_ticket_queries.list_paid_without_ticket(
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
        served = EventFulfilment(event, generate_tickets(context, event, request))
    except TicketingError as error:
        return EventFulfilment(event, None, str(error))
    with context.database.transaction() as connection:
        audit_log.record(
            connection,
            actor=request.by,
            action=FULFIL_ORDERS_ACTION,
            event_id=event.id,
            items=served.changed_count,
            details=served.counts,
        )
    return served


POLL_SECONDS = 2.0  # for what no bell rings for


@dataclass(frozen=True, slots=True)
class FulfilmentLoop:
    """Whoever serves, round after round; each round that found something is told."""

    context: GenerationContext
    gateway: PaymentGateway
    clock: Callable[[], datetime]
    by: str
    on_round: Callable[[FulfilmentResult], None]

    def run_until_done(self) -> bool:
        """Until nothing is left that can be done now. Whether there was anything at all."""
        served_any = False
        while True:
            service = fulfil_paid_orders(self.context, self.gateway, at=self.clock(), by=self.by)
            self.on_round(service)
            if not service.has_progress:
                return served_any
            served_any = True

    def run_until_idle(self, idle_seconds: float, *, max_seconds: float) -> None:
        """Until nothing came for so long: what comes next need not wait for another to begin."""
        began = quiet_since = time.monotonic()
        with notify.listen(self.context.database) as ours:
            while True:
                if self.run_until_done():
                    quiet_since = time.monotonic()
                now = time.monotonic()
                if now - quiet_since >= idle_seconds or now - began >= max_seconds:
                    return
                ours.wait(min(POLL_SECONDS, idle_seconds))


def has_overdue_work(database: Database, *, worker_grace: timedelta, at: datetime) -> bool:
    """Whether there is something to serve that nobody will: no worker is there, or it has not."""
    with database.transaction() as connection:
        since = at - worker_grace if notify.is_worker_running(connection) else at
        return inbox.has_overdue(connection, since, at=at) or order_ticket_queries.has_overdue_work(
            connection, since=since, at=at
        )
