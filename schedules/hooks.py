"""Webhooks, by the clock, when nobody else has called."""

from collections.abc import Iterator
from datetime import UTC, timedelta

import dagster as dg

from ticket_assets.hooks import webhooks
from ticketing.actions.send_hooks import hooks_overdue
from ticketing.application import Application

WORKERS_TIME = timedelta(seconds=30)


@dg.schedule(
    job=webhooks,
    cron_schedule="* * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def overdue_webhooks(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every minute, a run if calls are due that the worker has not made."""
    at = context.scheduled_execution_time.astimezone(UTC)
    overdue = hooks_overdue(application.database, at=at, by=WORKERS_TIME)
    if overdue:
        yield dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
    else:
        yield dg.SkipReason("no webhook is overdue")
