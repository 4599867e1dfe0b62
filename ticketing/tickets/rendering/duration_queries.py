"""The histogram of rendering durations of all processes, in the database."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.tickets import ticket_generation_durations as durations

# upper bounds in seconds; a stamped ticket takes one of the first
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)
_LABELS = (*(f"{bound:g}" for bound in BUCKETS), "+Inf")


@dataclass(frozen=True, slots=True)
class DurationHistogram:
    """Numbers of tickets by upper bound, cumulative as Prometheus reads them, and the sum.

    `in_full` is how many of them were not stamped.
    """

    buckets: tuple[tuple[str, int], ...]
    seconds: float
    in_full: int


def add(connection: Connection, rendered: Iterable[tuple[float, bool]]) -> None:
    """Count durations and whether a ticket was rendered in full.

    The rows are locked in one order, so that writers never deadlock.
    """
    tickets, sums = defaultdict[str, int](int), defaultdict[str, float](float)
    full = defaultdict[str, int](int)
    for seconds, in_full in rendered:
        label = _LABELS[bisect_left(BUCKETS, seconds)]
        tickets[label] += 1
        sums[label] += seconds
        full[label] += in_full
    if not tickets:
        return
    new = insert(durations).values(
        [
            {"le": le, "tickets": tickets[le], "seconds": sums[le], "in_full": full[le]}
            for le in sorted(tickets)
        ]
    )
    changed = {
        "tickets": durations.c.tickets + new.excluded.tickets,
        "seconds": durations.c.seconds + new.excluded.seconds,
        "in_full": durations.c.in_full + new.excluded.in_full,
    }
    connection.execute(new.on_conflict_do_update(index_elements=[durations.c.le], set_=changed))


def fetch(connection: Connection) -> DurationHistogram:
    """Return the histogram of all tickets ever rendered."""
    rows = {row["le"]: row for row in connection.execute(select(durations)).mappings()}
    total, buckets = 0, []
    for label in _LABELS:
        total += rows[label]["tickets"] if label in rows else 0
        buckets.append((label, total))
    seconds, in_full = (sum(row[at] for row in rows.values()) for at in ("seconds", "in_full"))
    return DurationHistogram(tuple(buckets), seconds, in_full)
