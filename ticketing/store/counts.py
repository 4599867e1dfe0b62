"""What a running service counts, over all events and whoever did it: it, a command or Dagster."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from ticketing.store.batches import BatchState
from ticketing.store.schema import batches, ticket_generation_logs


class Made(NamedTuple):
    """How many tickets came out of all batches of an event and template, by outcome."""

    event_id: int
    template_id: str
    status: str
    tickets: int


def made_in_all(connection: Connection) -> Sequence[Made]:
    """PDFs made, and attempts that failed."""
    made = select(
        batches.c.event_id, batches.c.template_id, func.sum(batches.c.rendered_count)
    ).group_by(batches.c.event_id, batches.c.template_id)
    failed = (
        select(batches.c.event_id, batches.c.template_id, func.count())
        .join(ticket_generation_logs, ticket_generation_logs.c.job_id == batches.c.id)
        .where(ticket_generation_logs.c.status == "failed")
        .group_by(batches.c.event_id, batches.c.template_id)
    )
    return [
        Made(event_id, template_id, status, int(tickets))
        for status, query in (("generated", made), ("failed", failed))
        for event_id, template_id, tickets in connection.execute(query)
    ]


def batches_under_way(connection: Connection) -> int:
    """How many batches have not ended."""
    query = select(func.count()).where(batches.c.state == BatchState.PROCESSING)
    return connection.execute(query).scalar_one()
