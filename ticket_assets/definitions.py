"""All assets, checks, jobs, sensors and schedules with their resources."""

from collections.abc import Mapping

import dagster as dg

import resources
import schedules.maintenance
import schedules.missing_tickets
import schedules.outlets
import schedules.payment_sync
import sensors.backfill_failures
import sensors.check_failures
import sensors.dropped_rosters
import sensors.new_events
import sensors.overdue_deliveries
import sensors.overdue_payments
import sensors.overdue_vouchers
import sensors.run_failures
from ticket_assets import (
    backup,
    deliveries,
    documents,
    jobs,
    maintenance,
    payment_matches,
    payment_records,
    payments,
    people,
    reports,
    roster,
    run_history,
    sales,
    sales_checks,
    ticket_checks,
    tickets,
    voucher_checks,
    vouchers,
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
            people.people_retention,
            payment_records.student_billing,
            payment_records.payment_records,
            payment_matches.payment_matches,
        ],
        asset_checks=[
            *ticket_checks.CHECKS,
            *sales_checks.SALES_CHECKS,
            *deliveries.DELIVERY_CHECKS,
            *voucher_checks.OUTLET_CHECKS,
            *voucher_checks.ROUTER_CHECKS,
            *payment_records.BILLING_CHECKS,
            payment_matches.ticket_holders_have_settled,
        ],
        jobs=[
            jobs.issue_event_tickets,
            jobs.import_roster,
            jobs.check_event,
            backup.backup,
            maintenance.document_retention,
            run_history.run_history,
            jobs.apply_retention,
            jobs.sync_payment_records,
            jobs.fulfil_paid_orders,
            maintenance.order_expiry,
            maintenance.payment_reconciliation,
            jobs.daily_reconciliation,
            jobs.check_sales,
            maintenance.webhooks,
            deliveries.deliver_messages,
            deliveries.check_deliveries,
            deliveries.apply_sending_rules,
            deliveries.send_alert_digest,
            deliveries.mail_bounces,
            maintenance.daily_exports,
            vouchers.provision_vouchers,
            maintenance.voucher_maintenance,
            jobs.check_vouchers,
            jobs.check_routers,
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
            sensors.backfill_failures.backfill_failures,
        ],
        schedules=[
            schedules.missing_tickets.issue_missing_tickets_hourly,
            schedules.maintenance.back_up_nightly,
            schedules.maintenance.delete_expired_documents_nightly,
            schedules.maintenance.delete_old_runs_nightly,
            schedules.maintenance.apply_retention_nightly,
            schedules.payment_sync.sync_payments_nightly,
            schedules.maintenance.expire_orders_every_10_minutes,
            schedules.maintenance.reconcile_payments_hourly,
            schedules.maintenance.check_sales_hourly,
            schedules.maintenance.daily_reconciliation_nightly,
            schedules.maintenance.send_webhooks_every_minute,
            schedules.maintenance.apply_sending_rules_every_10_minutes,
            schedules.maintenance.send_alerts_every_10_minutes,
            schedules.maintenance.process_bounces_every_10_minutes,
            schedules.maintenance.daily_exports_every_morning,
            schedules.maintenance.check_deliveries_hourly,
            schedules.outlets.maintain_vouchers_every_5_minutes,
            schedules.outlets.check_vouchers_hourly,
            schedules.outlets.check_routers_hourly,
        ],
        resources=dict(resource_objects),
        # of every job, and of runs from an asset's own page: a process per step would add seconds
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Build the definitions that Dagster loads."""
    return build_definitions(resources.from_environment())
