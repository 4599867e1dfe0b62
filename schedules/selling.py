"""Schedules of sales: expiry, reconciliation, checks and daily reports."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from ticket_assets.jobs import daily_books, examine_sales
from ticket_assets.sales_upkeep import order_expiry, payment_reconciliation

RUNNING = dg.DefaultScheduleStatus.RUNNING
JAKARTA = "Asia/Jakarta"

order_expiry_often = dg.ScheduleDefinition(
    name="order_expiry_often",
    job=order_expiry,
    cron_schedule="*/10 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="Every ten minutes, orders whose hour is up give their places back.",
)

payment_reconciliation_hourly = dg.ScheduleDefinition(
    name="payment_reconciliation_hourly",
    job=payment_reconciliation,
    cron_schedule="5 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="Every hour, the gateway is asked about payments that may change, and for refunds.",
)

sales_examined_hourly = dg.ScheduleDefinition(
    name="sales_examined_hourly",
    job=examine_sales,
    cron_schedule="25 * * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="Every hour, after the reconciliation, all checks of sales.",
)


@dg.schedule(
    job=daily_books,
    cron_schedule="15 1 * * *",  # after the last notices of the day before
    execution_timezone=JAKARTA,
    default_status=RUNNING,
)
def daily_books_nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 01:15 Jakarta time: yesterday's sales and their reconciliation with the gateway."""
    tonight = context.scheduled_execution_time.astimezone(ZoneInfo(JAKARTA))
    return dg.RunRequest(partition_key=f"{tonight - timedelta(days=1):%Y-%m-%d}")
