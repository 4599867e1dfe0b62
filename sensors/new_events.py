"""A partition for every event, soon after it was added."""

from collections.abc import Collection, Iterable

import dagster as dg

from ticket_assets.partitions import DIMENSION, EVENTS
from ticketing.application import Application
from ticketing.store import events


def without_partition(slugs: Iterable[str], partitions: Collection[str]) -> list[str]:
    """The events that have no partition yet, in the order of their slugs."""
    return sorted(set(slugs) - set(partitions))


@dg.sensor(minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
def new_events(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Adds a partition for each new event. Takes none away: a partition is an event's history."""
    with application.database.transaction() as connection:
        slugs = events.slugs(connection)
    new = without_partition(slugs, context.instance.get_dynamic_partitions(DIMENSION))
    if not new:
        return dg.SensorResult(skip_reason=f"all {len(slugs)} events have their partition")
    return dg.SensorResult(dynamic_partitions_requests=[EVENTS.build_add_request(new)])
