"""Schedules of sales: expiry, reconciliation, checks and daily reports."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from schedules.run_requests import JAKARTA, RUNNING
from ticket_assets.jobs import check_sales, daily_reconciliation
from ticket_assets.sales_maintenance import order_expiry, payment_reconciliation

expire_orders_every_10_minutes = dg.ScheduleDefinition(
    name="expire_orders_every_10_minutes",
    job=order_expiry,
    cron_schedule="*/10 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="Every ten minutes: expires unpaid orders and releases their places.",
)

reconcile_payments_hourly = dg.ScheduleDefinition(
    name="reconcile_payments_hourly",
    job=payment_reconciliation,
    cron_schedule="5 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="Every hour: reconciles open payments with the gateway and sends refunds.",
)

check_sales_hourly = dg.ScheduleDefinition(
    name="check_sales_hourly",
    job=check_sales,
    cron_schedule="25 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="Every hour, after the reconciliation: checks sales.",
)


@dg.schedule(
    job=daily_reconciliation,
    cron_schedule="15 1 * * *",  # after the last notifications of the previous day
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def daily_reconciliation_nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 01:15 Jakarta time: yesterday's sales and their reconciliation with the gateway."""
    tonight = context.scheduled_execution_time.astimezone(ZoneInfo(JAKARTA))
    return dg.RunRequest(partition_key=f"{tonight - timedelta(days=1):%Y-%m-%d}")
