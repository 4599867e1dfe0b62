"""Partitions for new events."""

from collections.abc import Collection, Iterable

import dagster as dg

from ticket_assets.partitions import EVENT_PARTITIONS, EVENT_PARTITIONS_NAME
from ticketing.events import queries as event_queries
from ticketing.platform.application import Application


def events_without_partition(slugs: Iterable[str], partitions: Collection[str]) -> list[str]:
    """Return the events without a partition, sorted by slug."""
    return sorted(set(slugs) - set(partitions))


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def new_events(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Adds a partition for each new event. Removes none: a partition is the event's history."""
    with application.database.transaction() as connection:
        slugs = event_queries.list_slugs(connection)
    new = events_without_partition(
        slugs, context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME)
    )
    if not new:
        return dg.SensorResult(skip_reason=f"all {len(slugs)} events have a partition")
    return dg.SensorResult(dynamic_partitions_requests=[EVENT_PARTITIONS.build_add_request(new)])
