"""Schedules of hotspot vouchers: maintenance and checks."""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from ticket_assets.jobs import check_vouchers
from ticket_assets.voucher_maintenance import voucher_maintenance
from ticketing.platform.application import Application
from ticketing.routers import queries as router_queries

JAKARTA = "Asia/Jakarta"
SKIP_NO_ROUTER = dg.SkipReason("no routers; add one with `ticketing routers create`")


@dg.schedule(
    job=voucher_maintenance,
    cron_schedule="*/5 * * * *",
    execution_timezone=JAKARTA,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def maintain_vouchers_every_5_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every five minutes, if there are routers: maintains vouchers."""
    yield _run_request(context) if _has_routers(application) else SKIP_NO_ROUTER


@dg.schedule(
    job=check_vouchers,
    cron_schedule="35 * * * *",
    execution_timezone=JAKARTA,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def check_vouchers_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour, if there are routers: checks vouchers and compares routers with the database."""
    yield _run_request(context) if _has_routers(application) else SKIP_NO_ROUTER


def _has_routers(application: Application) -> bool:
    with application.database.transaction() as connection:
        return bool(router_queries.list_all(connection))


def _run_request(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    at = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")
