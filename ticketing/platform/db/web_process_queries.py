"""What the processes of the web service share: levels of rate limits, and counts of requests.

A statement that is repeated because its outcome is unknown counts twice; a second's requests may.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import ARRAY, Connection, Integer, Text, delete, extract, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.web_processes import request_counts, request_rates

MEMORY = timedelta(minutes=10)  # every limit has drained by then


class RequestSeries(NamedTuple):
    """Requests of one route with one result, whose time is in one bucket."""

    method: str
    route: str
    code: str
    at_most: float  # seconds


class RequestTotal(NamedTuple):
    """How many requests there were, and their time in seconds."""

    requests: int = 0
    seconds: float = 0.0


def add_to_levels(
    connection: Connection, spent: Mapping[str, int], *, per_second: float
) -> dict[str, float]:
    """Add requests to the level of each subject, which drains at a rate; return the levels."""
    # arrays keep the statement the same for any number of subjects, so it is compiled once; one
    # order, so that no two processes wait for each other
    given = (
        func.unnest(literal([*spent], ARRAY(Text)), literal([*spent.values()], ARRAY(Integer)))
        .table_valued("subject", "level")
        .render_derived()
    )
    rows = select(given.c.subject, given.c.level, func.clock_timestamp()).order_by(given.c.subject)
    new = insert(request_rates).from_select(["subject", "level", "updated_at"], rows)
    # another process may have waited for the row, and its clock reading is older then
    elapsed = extract("epoch", new.excluded.updated_at - request_rates.c.updated_at)
    drained = func.greatest(elapsed, 0) * per_second
    added = new.on_conflict_do_update(
        index_elements=["subject"],
        set_={
            "level": func.greatest(request_rates.c.level - drained, 0) + new.excluded.level,
            "updated_at": func.greatest(request_rates.c.updated_at, new.excluded.updated_at),
        },
    ).returning(request_rates.c.subject, request_rates.c.level)
    return {row.subject: row.level for row in connection.execute(added)}


def delete_drained_levels(connection: Connection) -> None:
    """Delete the levels of subjects that have sent nothing for some time."""
    is_old = request_rates.c.updated_at < func.clock_timestamp() - MEMORY
    connection.execute(delete(request_rates).where(is_old))


def add_request_counts(
    connection: Connection, counts: Mapping[RequestSeries, RequestTotal]
) -> None:
    """Add counted requests to the totals of all processes."""
    rows = [series._asdict() | total._asdict() for series, total in sorted(counts.items())]
    new = insert(request_counts).values(rows)
    added = new.on_conflict_do_update(
        index_elements=list(RequestSeries._fields),
        set_={
            "requests": request_counts.c.requests + new.excluded.requests,
            "seconds": request_counts.c.seconds + new.excluded.seconds,
        },
    )
    connection.execute(added)


def list_request_counts(connection: Connection) -> Sequence[tuple[RequestSeries, RequestTotal]]:
    """Return the totals of all processes, ordered by their labels."""
    table = request_counts.c
    query = select(
        table.method, table.route, table.code, table.at_most, table.requests, table.seconds
    ).order_by(table.method, table.route, table.code, table.at_most)
    return [
        (RequestSeries(row.method, row.route, row.code, row.at_most),
         RequestTotal(row.requests, row.seconds))
        for row in connection.execute(query)
    ]  # fmt: skip
