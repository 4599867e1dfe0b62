"""All assets, checks, jobs, sensors and schedules with their resources."""

from collections.abc import Mapping

import dagster as dg

import resources
from schedules.deliveries import (
    check_deliveries_hourly,
    process_bounces_every_10_minutes,
    send_alerts_every_10_minutes,
)
from schedules.document_retention import delete_expired_documents_nightly
from schedules.exports import daily_exports_every_morning
from schedules.missing_tickets import issue_missing_tickets_hourly
from schedules.sales import (
    check_sales_hourly,
    daily_reconciliation_nightly,
    expire_orders_every_10_minutes,
    reconcile_payments_hourly,
)
from schedules.vouchers import check_vouchers_hourly, maintain_vouchers_every_5_minutes
from schedules.webhooks import send_webhooks_every_minute
from sensors.check_failures import check_failures
from sensors.dropped_rosters import dropped_rosters
from sensors.new_events import new_events
from sensors.overdue_deliveries import overdue_deliveries
from sensors.overdue_payments import overdue_payments
from sensors.overdue_vouchers import overdue_vouchers, recovered_routers
from sensors.run_failures import run_failures
from ticket_assets.deliveries import (
    DELIVERY_CHECKS,
    check_deliveries,
    deliver_messages,
    mail_bounces,
    send_alert_digest,
    ticket_deliveries,
)
from ticket_assets.documents import ticket_pdfs
from ticket_assets.exports import daily_exports
from ticket_assets.jobs import (
    check_event,
    check_sales,
    check_vouchers,
    daily_reconciliation,
    fulfil_paid_orders,
    import_roster,
    issue_event_tickets,
    provision_vouchers,
)
from ticket_assets.payments import orders, payments
from ticket_assets.reports import generation_report
from ticket_assets.retention import document_retention
from ticket_assets.roster import entitlements
from ticket_assets.sales import daily_sales, reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.sales_maintenance import order_expiry, payment_reconciliation
from ticket_assets.ticket_checks import CHECKS
from ticket_assets.tickets import missing_tickets, tickets
from ticket_assets.voucher_checks import VOUCHER_CHECKS
from ticket_assets.voucher_maintenance import voucher_maintenance
from ticket_assets.vouchers import voucher_delivery_logs, vouchers
from ticket_assets.webhooks import webhooks


def build_definitions(resource_objects: Mapping[str, object]) -> dg.Definitions:
    """Build the definitions with the given resources; tests pass their own."""
    return dg.Definitions(
        assets=[
            orders,
            payments,
            daily_sales,
            reconciliation,
            entitlements,
            missing_tickets,
            tickets,
            ticket_pdfs,
            generation_report,
            ticket_deliveries,
            vouchers,
            voucher_delivery_logs,
        ],
        asset_checks=[*CHECKS, *SALES_CHECKS, *DELIVERY_CHECKS, *VOUCHER_CHECKS],
        jobs=[
            issue_event_tickets,
            import_roster,
            check_event,
            document_retention,
            fulfil_paid_orders,
            order_expiry,
            payment_reconciliation,
            daily_reconciliation,
            check_sales,
            webhooks,
            deliver_messages,
            check_deliveries,
            send_alert_digest,
            mail_bounces,
            daily_exports,
            provision_vouchers,
            voucher_maintenance,
            check_vouchers,
        ],
        sensors=[
            new_events,
            dropped_rosters,
            overdue_payments,
            overdue_vouchers,
            recovered_routers,
            overdue_deliveries,
            run_failures,
            check_failures,
        ],
        schedules=[
            issue_missing_tickets_hourly,
            delete_expired_documents_nightly,
            expire_orders_every_10_minutes,
            reconcile_payments_hourly,
            check_sales_hourly,
            daily_reconciliation_nightly,
            send_webhooks_every_minute,
            send_alerts_every_10_minutes,
            process_bounces_every_10_minutes,
            daily_exports_every_morning,
            check_deliveries_hourly,
            maintain_vouchers_every_5_minutes,
            check_vouchers_hourly,
        ],
        resources=dict(resource_objects),
        # for runs started from an asset's own page, too: a process a step costs seconds
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Build the definitions that Dagster loads."""
    return build_definitions(resources.from_environment())
