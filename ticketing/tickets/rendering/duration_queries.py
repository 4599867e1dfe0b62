"""The histogram of rendering durations of all processes, in the database."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.tickets import ticket_generation_durations as durations

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)  # upper bounds in seconds
_LABELS = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")


@dataclass(frozen=True, slots=True)
class DurationHistogram:
    """Numbers of tickets by upper bound, cumulative as Prometheus reads them, and the sum."""

    buckets: tuple[tuple[str, int], ...]
    seconds: float


def add(connection: Connection, seconds: Iterable[float]) -> None:
    """Count these durations; the rows are locked in one order, so that writers never deadlock."""
    tickets, sums = defaultdict[str, int](int), defaultdict[str, float](float)
    for each in seconds:
        label = _LABELS[bisect_left(BUCKETS, each)]
        tickets[label] += 1
        sums[label] += each
    if not tickets:
        return
    new = insert(durations).values(
        [{"le": le, "tickets": tickets[le], "seconds": sums[le]} for le in sorted(tickets)]
    )
    changed = {
        "tickets": durations.c.tickets + new.excluded.tickets,
        "seconds": durations.c.seconds + new.excluded.seconds,
    }
    connection.execute(new.on_conflict_do_update(index_elements=[durations.c.le], set_=changed))


def fetch(connection: Connection) -> DurationHistogram:
    """Return the histogram of all tickets ever rendered."""
    rows = {row.le: row for row in connection.execute(select(durations))}
    total, buckets = 0, []
    for label in _LABELS:
        total += rows[label].tickets if label in rows else 0
        buckets.append((label, total))
    return DurationHistogram(tuple(buckets), sum(row.seconds for row in rows.values()))
