"""Queries about the pace of a source: everybody who asks it takes slots from one row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, literal, select, update
from sqlalchemy.dialects.postgresql import INTERVAL, insert

from ticketing.billing.sync.pacing.pace import (
    LEASE_SECONDS,
    MAX_LEASE,
    REPEATED_SECONDS,
    Pace,
    initial_pace,
    pace_after_quiet,
    pace_after_refusal,
)
from ticketing.platform.db.tables.billing import billing_sources


def _interval(seconds: ColumnElement[Any]) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=INTERVAL)


@dataclass(frozen=True, slots=True)
class Lease:
    """Consecutive slots: the first one begins in `delay` seconds, each takes `interval`."""

    count: int
    delay: float
    interval: float
    is_learning: bool


def ensure_source(connection: Connection, name: str, *, limit: float | None, at: datetime) -> None:
    """Create the row of a source, or apply a limit that has changed in the settings.

    What was learnt of the source is kept while the setting stays as it is.
    """
    pace = initial_pace(limit)
    values = {
        "rate": pace.rate, "is_learning": pace.is_learning, "configured_limit": limit,
        "rate_changed_at": at,
    }  # fmt: skip
    statement = insert(billing_sources).values(name=name, next_slot_at=at, **values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_=values,
            where=billing_sources.c.configured_limit.is_distinct_from(limit),
        )
    )


def require_source(connection: Connection, name: str) -> None:
    """Create the row of a source that was never asked; change nothing otherwise."""
    pace = initial_pace(None)
    now = func.clock_timestamp()
    values = {"rate": pace.rate, "is_learning": pace.is_learning, "rate_changed_at": now}
    statement = insert(billing_sources).values(name=name, next_slot_at=now, **values)
    connection.execute(statement.on_conflict_do_nothing())


def lease_slots(connection: Connection, name: str) -> Lease:
    """Take the next slots of a source: about a tenth of a second, from now or the last one's end.

    A lease that is not used expires: nobody takes these slots again.
    """
    source = billing_sources.c
    count = func.greatest(1, func.least(MAX_LEASE, func.floor(source.rate * LEASE_SECONDS)))
    begin = func.greatest(source.next_slot_at, func.clock_timestamp(), source.blocked_until)
    row = connection.execute(
        update(billing_sources)
        .where(source.name == name)
        .values(next_slot_at=begin + _interval(count / source.rate))
        .returning(
            count.label("slots"),
            source.rate,
            source.is_learning,
            func.extract("epoch", source.next_slot_at - func.clock_timestamp()).label("ends_in"),
        )
    ).one()
    interval = 1 / row.rate
    slots = int(row.slots)
    return Lease(slots, float(row.ends_in) - slots * interval, interval, row.is_learning)


def block(
    connection: Connection, name: str, *, seconds: float, passed_a_second: float | None
) -> None:
    """Let nobody ask for some seconds.

    With `passed_a_second` it is a refusal, which lowers the rate once: what was on its way is
    refused as well, and says nothing more about the limit.
    """
    at = connection.execute(select(func.clock_timestamp())).scalar_one()
    row = _lock(connection, name)
    values: dict[str, object] = {
        "blocked_until": func.greatest(row.blocked_until, at + timedelta(seconds=seconds))
    }
    if passed_a_second is not None:
        values["refusals"] = row.refusals + 1
        if row.blocked_until is None or row.blocked_until < at:
            is_repeated = _is_soon_after(row.blocked_until, at)
            pace = pace_after_refusal(_pace(row), passed_a_second, is_repeated=is_repeated)
            values |= _rate_values(pace, at) | {"refused_at": at}
    connection.execute(update(billing_sources).where(billing_sources.c.name == name).values(values))


def raise_rate(connection: Connection, name: str, *, was_busy: bool) -> None:
    """Try a higher rate if nothing was refused for long enough."""
    at = connection.execute(select(func.clock_timestamp())).scalar_one()
    row = _lock(connection, name)
    pace = _pace(row)
    since = row.rate_changed_at if row.refused_at is None else max(row.rate_changed_at,
                                                                    row.refused_at)  # fmt: skip
    faster = pace_after_quiet(pace, seconds=(at - since).total_seconds(), was_busy=was_busy)
    if faster != pace:
        connection.execute(
            update(billing_sources)
            .where(billing_sources.c.name == name)
            .values(_rate_values(faster, at))
        )


def find_pace(connection: Connection, name: str) -> Pace | None:
    """Return the present pace of a source; None if it was never asked."""
    row = connection.execute(
        select(billing_sources).where(billing_sources.c.name == name)
    ).one_or_none()
    return None if row is None else _pace(row)


def _lock(connection: Connection, name: str) -> Row[Any]:
    return connection.execute(
        select(billing_sources).where(billing_sources.c.name == name).with_for_update()
    ).one()


def _is_soon_after(blocked_until: datetime | None, at: datetime) -> bool:
    return blocked_until is not None and at - blocked_until < timedelta(seconds=REPEATED_SECONDS)


def _pace(row: Row[Any]) -> Pace:
    return Pace(row.rate, row.is_learning, row.configured_limit)


def _rate_values(pace: Pace, at: datetime) -> dict[str, object]:
    return {"rate": pace.rate, "is_learning": pace.is_learning, "rate_changed_at": literal(at)}
