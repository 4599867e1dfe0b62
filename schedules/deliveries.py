"""Messages, by the clock, when nobody else has sent them."""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg

from ticket_assets.deliveries import deliver_messages, examine_deliveries
from ticket_assets.partitions import DIMENSION
from ticketing.actions.deliver import deliveries_overdue
from ticketing.actions.examine_deliveries import events_with_news
from ticketing.office import Office

WORKERS_TIME = timedelta(minutes=1)
LOOKED_BACK = timedelta(hours=2)


@dg.schedule(
    job=deliver_messages,
    cron_schedule="* * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def due_deliveries(
    context: dg.ScheduleEvaluationContext, office: dg.ResourceParam[Office]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every minute, a run if messages are due that the worker has not sent."""
    at = context.scheduled_execution_time.astimezone(UTC)
    with office.mailroom() as mailroom:
        overdue = deliveries_overdue(office.database, mailroom, at=at, by=WORKERS_TIME)
    if overdue:
        yield dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
    else:
        yield dg.SkipReason("no message is overdue")


@dg.schedule(
    job=examine_deliveries,
    cron_schedule="20 * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def deliveries_examined_hourly(
    context: dg.ScheduleEvaluationContext, office: dg.ResourceParam[Office]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour, a look at each event that had messages lately, or has some on their way."""
    at = context.scheduled_execution_time.astimezone(UTC)
    known = set(context.instance.get_dynamic_partitions(DIMENSION))
    slugs = [
        slug for slug in events_with_news(office.database, since=at - LOOKED_BACK)
        if slug in known  # others get their partition from the sensor new_events
    ]  # fmt: skip
    for slug in slugs:
        yield dg.RunRequest(run_key=f"{slug} {at:%Y-%m-%dT%HZ}", partition_key=slug)
    if not slugs:
        yield dg.SkipReason("no event has messages on their way")
