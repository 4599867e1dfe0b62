"""Query of the batches of all events for their list."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.tickets import batches
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.batches.repair_queries import needs_attention

PAGE = 50


@dataclass(frozen=True, slots=True)
class BatchFilter:
    """Which batches are listed; `unresolved` are those that lack something."""

    event_id: int | None = None
    state: BatchState | None = None
    unresolved: bool = False


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A batch of an event."""

    id: int
    batch_key: str
    event_slug: str
    time_zone: str
    state: BatchState
    total_count: int
    rendered_count: int
    failed_count: int
    started_at: datetime
    requested_by: str
    is_unresolved: bool


def list_batches(
    connection: Connection,
    wanted: BatchFilter,
    *,
    only: Collection[int] | None,
    before: int | None,
) -> list[ListedBatch]:
    """Return a page of batches and one more, newest first, older than the id `before`."""
    query = select(
        batches.c.id, batches.c.batch_key, events.c.slug, events.c.time_zone, batches.c.state,
        batches.c.total_count, batches.c.rendered_count, batches.c.failed_count,
        batches.c.started_at, batches.c.requested_by, needs_attention(),
    ).join(events, events.c.id == batches.c.event_id)  # fmt: skip
    if wanted.event_id is not None:
        query = query.where(batches.c.event_id == wanted.event_id)
    if wanted.state is not None:
        query = query.where(batches.c.state == wanted.state)
    if wanted.unresolved:
        query = query.where(needs_attention())
    if only is not None:
        query = query.where(batches.c.event_id.in_(only))
    if before is not None:
        query = query.where(batches.c.id < before)
    rows = connection.execute(query.order_by(batches.c.id.desc()).limit(PAGE + 1))
    return [
        ListedBatch(number, key, slug, zone, BatchState(state), *rest)
        for number, key, slug, zone, state, *rest in rows
    ]
