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
from ticketing.platform.db.audit_log import SERVED
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import TicketingError
from ticketing.selling.payments.settle import Gateway, Settlement, settle
from ticketing.tickets import order_ticket_queries
from ticketing.tickets.generate import Generation, Means, Order, generate_tickets

ASKERS = 4  # a gateway far away takes a tenth of a second an answer


ASKED_EACH = 5  # what a killed asker had claimed waits for the end of its lease: so, few


PEOPLE = 50  # of one event at a time, so that another event's buyers need not wait long


CHUNK = 10  # PDFs a transaction: a buyer's is there when its chunk is


@dataclass(frozen=True, slots=True)
class Served:
    """What one event's buyers got. `trouble` is why the rest of them got nothing; else empty."""

    event: Event
    generation: Generation | None
    trouble: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """New tickets, new PDFs of older tickets, and failures, which are in their rows."""
        made = self.generation
        if made is None:
            return {}
        return {"created": made.created, "renewed": made.renewed, "failed": made.failed}

    @property
    def people(self) -> int:
        """For how many something has changed."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Service:
    """One round: how notices ended, and what came of it for each event."""

    settlement: Settlement
    served: Sequence[Served]

    @property
    def did_something(self) -> bool:
        """Whether another round may find more to do."""
        return bool(handled(self.settlement) or any(each.people for each in self.served))


def serve_paid(means: Means, gateway: Gateway, *, at: datetime, by: str) -> Service:
    """One round for all events; safe to repeat, to run twice at once, and to kill."""
    settlement = settle_side_by_side(means.database, gateway, at=at, by=by)
    return Service(settlement, make_owed_tickets(means, at=at, by=by))


def settle_side_by_side(
    database: Database, gateway: Gateway, *, at: datetime, by: str
) -> Settlement:
    """Settle the oldest notices, several at a time: most of it is waiting for the gateway."""
    with database.transaction() as connection:
        waiting = inbox.count_due(connection, at=at, most=ASKERS * ASKED_EACH)
    if not waiting:
        return _total([])
    askers = min(ASKERS, waiting)

    def ask(_: int) -> Settlement:
        return settle(database, gateway, at=at, by=by, limit=-(-waiting // askers))

    with ThreadPoolExecutor(askers, thread_name_prefix="settling") as pool:
        return _total(pool.map(ask, range(askers)))


def handled(settlement: Settlement) -> int:
    """How many notices are done with."""
    return settlement.applied + settlement.unchanged + settlement.quarantined


def _total(parts: Iterable[Settlement]) -> Settlement:
    nothing = Settlement(0, 0, 0, 0)
    return Settlement(*map(sum, zip(*map(astuple, [nothing, *parts]), strict=True)))


def make_owed_tickets(means: Means, *, at: datetime, by: str) -> list[Served]:
    """Tickets and PDFs for those who wait longest; one event's trouble stops no other."""
    with means.database.transaction() as connection:
        waiting = [
            (event_queries.get(connection, owed.event_slug), owed.guest_ids)
            for owed in order_ticket_queries.owed(connection, at=at, most=PEOPLE)
        ]
    return [
        _serve(means, event, Order(by=by, at=at, guest_ids=guest_ids, chunk=CHUNK))
        for event, guest_ids in waiting
    ]


def _serve(means: Means, event: Event, order: Order) -> Served:
    try:
        served = Served(event, generate_tickets(means, event, order))
    except TicketingError as error:
        return Served(event, None, str(error))
    with means.database.transaction() as connection:
        audit_log.record(
            connection,
            actor=order.by,
            action=SERVED,
            event_id=event.id,
            items=served.people,
            details=served.counts,
        )
    return served


PATROL_SECONDS = 2.0  # for what no bell rings for


@dataclass(frozen=True, slots=True)
class Rounds:
    """Whoever serves, round after round; each round that found something is told."""

    means: Means
    gateway: Gateway
    clock: Callable[[], datetime]
    by: str
    told: Callable[[Service], None]

    def serve_all(self) -> bool:
        """Until nothing is left that can be done now. Whether there was anything at all."""
        served_any = False
        while True:
            service = serve_paid(self.means, self.gateway, at=self.clock(), by=self.by)
            self.told(service)
            if not service.did_something:
                return served_any
            served_any = True

    def serve_until_quiet(self, quiet_seconds: float, *, most_seconds: float) -> None:
        """Until nothing came for so long: what comes next need not wait for another to begin."""
        began = quiet_since = time.monotonic()
        with notify.listening(self.means.database) as ours:
            while True:
                if self.serve_all():
                    quiet_since = time.monotonic()
                now = time.monotonic()
                if now - quiet_since >= quiet_seconds or now - began >= most_seconds:
                    return
                ours.rings(min(PATROL_SECONDS, quiet_seconds))


def somebody_waits(database: Database, *, workers_time: timedelta, at: datetime) -> bool:
    """Whether there is something to serve that nobody will: no worker is there, or it has not."""
    with database.transaction() as connection:
        since = at - workers_time if notify.somebody_listens(connection) else at
        return inbox.has_due_since(connection, since, at=at) or order_ticket_queries.somebody_waits(
            connection, since=since, at=at
        )
