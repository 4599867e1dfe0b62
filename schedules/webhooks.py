"""Schedule that sends webhooks which the worker has not sent."""

from datetime import UTC, timedelta

import dagster as dg

from schedules.run_requests import JAKARTA, RUNNING, run_if
from ticket_assets.webhooks import webhooks
from ticketing.platform.application import Application
from ticketing.webhooks import call_queries

WORKER_GRACE = timedelta(seconds=30)


@dg.schedule(
    job=webhooks, cron_schedule="* * * * *", execution_timezone=JAKARTA, default_status=RUNNING
)
def send_webhooks_every_minute(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every minute: sends webhook calls that are overdue."""
    at = context.scheduled_execution_time.astimezone(UTC)
    with application.database.transaction() as connection:
        overdue = call_queries.count_due(connection, since=at - WORKER_GRACE, at=at)
    return run_if(overdue, context, otherwise="no webhook is overdue")
