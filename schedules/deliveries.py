"""Schedules for alerts, bounces and checks of deliveries."""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg

from schedules.run_requests import JAKARTA, RUNNING, run_if
from ticket_assets.deliveries import check_deliveries, mail_bounces, send_alert_digest
from ticket_assets.partitions import EVENT_PARTITIONS_NAME
from ticketing.notifications.delivery_queries import list_events_with_recent_deliveries
from ticketing.notifications.mail.mailbox import has_unread_mail
from ticketing.platform.application import Application
from ticketing.platform.db import incidents

LOOKBACK = timedelta(hours=2)


@dg.schedule(
    job=send_alert_digest,
    cron_schedule="*/10 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def send_alerts_every_10_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every ten minutes: sends a digest if there are unreported incidents."""
    with application.database.transaction() as connection:
        has_unreported = incidents.has_unreported(connection)
    return run_if(has_unreported, context, otherwise="no unreported incidents")


@dg.schedule(
    job=mail_bounces,
    cron_schedule="*/10 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def process_bounces_every_10_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every ten minutes: processes new bounces in the Maildir MAIL_BOUNCES_FOLDER."""
    folder = application.settings.mail_bounces_folder
    if folder is None:
        return dg.SkipReason("MAIL_BOUNCES_FOLDER is not set")
    return run_if(has_unread_mail(folder), context, otherwise="no new bounces")


@dg.schedule(
    job=check_deliveries,
    cron_schedule="20 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def check_deliveries_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour: checks the deliveries of each event with recent or queued messages."""
    at = context.scheduled_execution_time.astimezone(UTC)
    known = set(context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME))
    with application.database.transaction() as connection:
        recent = list_events_with_recent_deliveries(connection, since=at - LOOKBACK)
    slugs = [slug for slug in recent if slug in known]  # new_events adds missing partitions
    for slug in slugs:
        yield dg.RunRequest(run_key=f"{slug} {at:%Y-%m-%dT%HZ}", partition_key=slug)
    if not slugs:
        yield dg.SkipReason("no event has recent messages")
