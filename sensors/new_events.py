"""Partitions for new events."""

import dagster as dg

from sensors.running_sensor import running_sensor
from ticket_assets.partitions import add_missing_partitions
from ticketing.events import queries as event_queries
from ticketing.platform.application import Application


@running_sensor(area="tickets", minimum_interval_seconds=30)
def new_events(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Adds a partition for each new event. Removes none: a partition is the event's history."""
    slugs = application.database.run(event_queries.list_slugs)
    new = add_missing_partitions(context.instance, slugs)
    if not new:
        return dg.SkipReason(f"all {len(slugs)} events have a partition")
    return dg.SkipReason(f"{len(new)} partitions added, such as {new[0]}")
