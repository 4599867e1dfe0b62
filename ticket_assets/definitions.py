"""All assets, checks, jobs, sensors and schedules with their resources."""

from collections.abc import Mapping

import dagster as dg

import resources
import schedules.deliveries
import schedules.documents
import schedules.missing_tickets
import schedules.sales
import schedules.vouchers
import schedules.webhooks
import sensors.check_failures
import sensors.dropped_rosters
import sensors.new_events
import sensors.overdue_deliveries
import sensors.overdue_payments
import sensors.overdue_vouchers
import sensors.run_failures
from ticket_assets import (
    deliveries,
    documents,
    exports,
    jobs,
    payments,
    reports,
    retention,
    roster,
    sales,
    sales_checks,
    sales_maintenance,
    ticket_checks,
    tickets,
    voucher_checks,
    voucher_maintenance,
    vouchers,
    webhooks,
)


def build_definitions(resource_objects: Mapping[str, object]) -> dg.Definitions:
    """Build the definitions with the given resources; tests pass their own."""
    return dg.Definitions(
        assets=[
            payments.orders,
            payments.payments,
            sales.daily_sales,
            sales.reconciliation,
            roster.entitlements,
            tickets.missing_tickets,
            tickets.tickets,
            documents.ticket_pdfs,
            reports.generation_report,
            deliveries.ticket_deliveries,
            vouchers.vouchers,
            vouchers.voucher_delivery_logs,
        ],
        asset_checks=[
            *ticket_checks.CHECKS,
            *sales_checks.SALES_CHECKS,
            *deliveries.DELIVERY_CHECKS,
            *voucher_checks.VOUCHER_CHECKS,
        ],
        jobs=[
            jobs.issue_event_tickets,
            jobs.import_roster,
            jobs.check_event,
            retention.document_retention,
            jobs.fulfil_paid_orders,
            sales_maintenance.order_expiry,
            sales_maintenance.payment_reconciliation,
            jobs.daily_reconciliation,
            jobs.check_sales,
            webhooks.webhooks,
            deliveries.deliver_messages,
            deliveries.check_deliveries,
            deliveries.send_alert_digest,
            deliveries.mail_bounces,
            exports.daily_exports,
            jobs.provision_vouchers,
            voucher_maintenance.voucher_maintenance,
            jobs.check_vouchers,
        ],
        sensors=[
            sensors.new_events.new_events,
            sensors.dropped_rosters.dropped_rosters,
            sensors.overdue_payments.overdue_payments,
            sensors.overdue_vouchers.overdue_vouchers,
            sensors.overdue_vouchers.recovered_routers,
            sensors.overdue_deliveries.overdue_deliveries,
            sensors.run_failures.run_failures,
            sensors.check_failures.check_failures,
        ],
        schedules=[
            schedules.missing_tickets.issue_missing_tickets_hourly,
            schedules.documents.delete_expired_documents_nightly,
            schedules.sales.expire_orders_every_10_minutes,
            schedules.sales.reconcile_payments_hourly,
            schedules.sales.check_sales_hourly,
            schedules.sales.daily_reconciliation_nightly,
            schedules.webhooks.send_webhooks_every_minute,
            schedules.deliveries.send_alerts_every_10_minutes,
            schedules.deliveries.process_bounces_every_10_minutes,
            schedules.documents.daily_exports_every_morning,
            schedules.deliveries.check_deliveries_hourly,
            schedules.vouchers.maintain_vouchers_every_5_minutes,
            schedules.vouchers.check_vouchers_hourly,
        ],
        resources=dict(resource_objects),
        # of every job, and of runs from an asset's own page: a process per step would add seconds
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Build the definitions that Dagster loads."""
    return build_definitions(resources.from_environment())
