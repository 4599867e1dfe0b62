"""How the work is cut: one partition an event, its key the event's slug; sales are cut by day.

Never one a ticket or a person: the UI slows down at thousands, and a slug is free of the commas,
brackets, pipes and dots that break a partition key. A backfill is one run an event, which is
Dagster's own choice and ours: docs/decisions/0004-backfill-policy.md.
"""

import dagster as dg

from ticketing.application import Application
from ticketing.domain.events import Event
from ticketing.store import events

DIMENSION = "event"  # the name under which Dagster keeps the keys
# today's partition is there from its first minute on
DAYS = dg.DailyPartitionsDefinition("2026-01-01", timezone="Asia/Jakarta", end_offset=1)
EVENTS = dg.DynamicPartitionsDefinition(name=DIMENSION)


def event_of(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, application: Application
) -> Event:
    """The event this run is about, as it is now."""
    with application.database.transaction() as connection:
        return events.get(connection, context.partition_key)
