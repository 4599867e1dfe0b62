"""Schedules of hotspot vouchers: maintenance and checks."""

import dagster as dg

from schedules.run_requests import JAKARTA, RUNNING, run_if
from ticket_assets.jobs import check_vouchers
from ticket_assets.voucher_maintenance import voucher_maintenance
from ticketing.platform.application import Application
from ticketing.routers import queries as router_queries


@dg.schedule(
    job=voucher_maintenance,
    cron_schedule="*/5 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def maintain_vouchers_every_5_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every five minutes, if there are routers: maintains vouchers."""
    return _run_if_there_are_routers(context, application)


@dg.schedule(
    job=check_vouchers,
    cron_schedule="35 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def check_vouchers_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every hour, if there are routers: checks vouchers and compares routers with the database."""
    return _run_if_there_are_routers(context, application)


def _run_if_there_are_routers(
    context: dg.ScheduleEvaluationContext, application: Application
) -> dg.RunRequest | dg.SkipReason:
    with application.database.transaction() as connection:
        routers = router_queries.list_all(connection)
    otherwise = "no routers; add one with `ticketing routers create`"
    return run_if(routers, context, otherwise=otherwise)
