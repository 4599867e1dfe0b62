"""The nightly sync of payment records."""

import dagster as dg

from schedules.run_requests import jakarta_schedule, run_if
from ticket_assets.jobs import sync_payment_records
from ticket_assets.payment_records import NOT_CONFIGURED
from ticketing.billing.sync.drive import BillingConnector
from ticketing.platform.application import Application


@jakarta_schedule(job=sync_payment_records, cron_schedule="30 1 * * *")
def sync_payments_nightly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """At 01:30 Jakarta time, if a billing system is configured: syncs all payment records."""
    connector = application.find(BillingConnector)
    return run_if(connector, context, sync_payment_records.name, otherwise=NOT_CONFIGURED)
