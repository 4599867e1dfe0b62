"""What messages ask for by the clock: alerts, what came back, and a look at how messages fare."""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg

from ticket_assets.deliveries import examine_deliveries, mail_bounces, tell_of_alerts
from ticket_assets.partitions import DIMENSION
from ticketing.actions.examine_deliveries import events_with_news
from ticketing.actions.tell_alerts import alerts_wait
from ticketing.application import Application
from ticketing.gateways.mail_files import has_new

LOOKED_BACK = timedelta(hours=2)


@dg.schedule(
    job=tell_of_alerts,
    cron_schedule="*/10 * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def alerts_often(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every ten minutes, a digest for the organiser if something new went wrong."""
    at = context.scheduled_execution_time.astimezone(UTC)
    if alerts_wait(application.database):
        yield dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
    else:
        yield dg.SkipReason("nothing is open that was not told of")


@dg.schedule(
    job=mail_bounces,
    cron_schedule="*/10 * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def bounces_often(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every ten minutes, a run if mails came back to the Maildir of MAIL_BOUNCES_FOLDER."""
    at = context.scheduled_execution_time.astimezone(UTC)
    folder = application.settings.mail_bounces_folder
    if folder is None:
        yield dg.SkipReason("MAIL_BOUNCES_FOLDER is not set")
    elif has_new(folder):
        yield dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
    else:
        yield dg.SkipReason("no mail came back")


@dg.schedule(
    job=examine_deliveries,
    cron_schedule="20 * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def deliveries_examined_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour, a look at each event that had messages lately, or has some on their way."""
    at = context.scheduled_execution_time.astimezone(UTC)
    known = set(context.instance.get_dynamic_partitions(DIMENSION))
    slugs = [
        slug for slug in events_with_news(application.database, since=at - LOOKED_BACK)
        if slug in known  # others get their partition from the sensor new_events
    ]  # fmt: skip
    for slug in slugs:
        yield dg.RunRequest(run_key=f"{slug} {at:%Y-%m-%dT%HZ}", partition_key=slug)
    if not slugs:
        yield dg.SkipReason("no event has messages on their way")
