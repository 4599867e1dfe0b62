"""Schedule that sends webhooks which the worker has not sent."""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg

from ticket_assets.webhooks import webhooks
from ticketing.platform.application import Application
from ticketing.webhooks.send import count_overdue_calls

WORKER_GRACE = timedelta(seconds=30)


@dg.schedule(
    job=webhooks,
    cron_schedule="* * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def send_webhooks_every_minute(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every minute: sends webhook calls that are overdue."""
    at = context.scheduled_execution_time.astimezone(UTC)
    overdue = count_overdue_calls(application.database, at=at, overdue_for=WORKER_GRACE)
    if overdue:
        yield dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
    else:
        yield dg.SkipReason("no webhook is overdue")
