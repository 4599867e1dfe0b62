"""Serving who has paid: waiting notices are settled, then the new places get tickets and PDFs.

The two halves know of each other only through rows. Killed anywhere, or run by several at once,
whoever runs it next finds what is left, and nobody gets a thing twice.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import datetime

from ticketing.actions.generate import Generation, Means, Order, generate_tickets
from ticketing.actions.settle import Gateway, Settlement, settle
from ticketing.domain.errors import TicketingError
from ticketing.domain.events import Event
from ticketing.store import audit, events, inbox_state, owed_tickets
from ticketing.store.database import Database
from ticketing.store.service_record import SERVED

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
        waiting = inbox_state.count_due(connection, at=at, most=ASKERS * ASKED_EACH)
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
            (events.get(connection, owed.event_slug), owed.guest_ids)
            for owed in owed_tickets.owed(connection, at=at, most=PEOPLE)
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
        audit.record(
            connection,
            actor=order.by,
            action=SERVED,
            event_id=event.id,
            items=served.people,
            details=served.counts,
        )
    return served
