"""All assets, checks, jobs, sensors and schedules with their resources."""

from collections.abc import Mapping

import dagster as dg

import resources
from schedules.deliveries import alerts_often, bounces_often, deliveries_examined_hourly
from schedules.document_retention import document_retention_nightly
from schedules.exports import daily_exports_mornings
from schedules.hooks import overdue_webhooks
from schedules.missing_tickets import issue_what_is_missing
from schedules.selling import (
    daily_books_nightly,
    order_expiry_often,
    payment_reconciliation_hourly,
    sales_examined_hourly,
)
from schedules.vouchers import voucher_upkeep_often, vouchers_examined_hourly
from sensors.check_failures import check_failures
from sensors.csv_drop import csv_drop
from sensors.due_deliveries import due_deliveries
from sensors.due_vouchers import owed_vouchers, returned_routers
from sensors.new_events import new_events
from sensors.payment_inbox import payment_inbox
from sensors.run_failures import run_failures
from ticket_assets.checks import CHECKS
from ticket_assets.deliveries import (
    DELIVERY_CHECKS,
    deliver_messages,
    examine_deliveries,
    mail_bounces,
    tell_of_alerts,
    ticket_deliveries,
)
from ticket_assets.documents import ticket_pdfs
from ticket_assets.exports import daily_exports
from ticket_assets.hooks import webhooks
from ticket_assets.jobs import (
    daily_books,
    examine_event,
    examine_sales,
    examine_vouchers,
    import_roster,
    issue_event_tickets,
    provision_vouchers,
    serve_paid_orders,
)
from ticket_assets.payments import orders, payments
from ticket_assets.reports import generation_report
from ticket_assets.retention import document_retention
from ticket_assets.roster import attendees
from ticket_assets.sales import daily_sales, reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.sales_upkeep import order_expiry, payment_reconciliation
from ticket_assets.tickets import missing_tickets, tickets
from ticket_assets.voucher_checks import VOUCHER_CHECKS
from ticket_assets.voucher_upkeep import voucher_upkeep
from ticket_assets.vouchers import voucher_delivery_logs, vouchers


def build_definitions(resource_objects: Mapping[str, object]) -> dg.Definitions:
    """Build the definitions with the given resources; tests pass their own."""
    return dg.Definitions(
        assets=[
            orders,
            payments,
            daily_sales,
            reconciliation,
            attendees,
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
            examine_event,
            document_retention,
            serve_paid_orders,
            order_expiry,
            payment_reconciliation,
            daily_books,
            examine_sales,
            webhooks,
            deliver_messages,
            examine_deliveries,
            tell_of_alerts,
            mail_bounces,
            daily_exports,
            provision_vouchers,
            voucher_upkeep,
            examine_vouchers,
        ],
        sensors=[
            new_events,
            csv_drop,
            payment_inbox,
            owed_vouchers,
            returned_routers,
            due_deliveries,
            run_failures,
            check_failures,
        ],
        schedules=[
            issue_what_is_missing,
            document_retention_nightly,
            order_expiry_often,
            payment_reconciliation_hourly,
            sales_examined_hourly,
            daily_books_nightly,
            overdue_webhooks,
            alerts_often,
            bounces_often,
            daily_exports_mornings,
            deliveries_examined_hourly,
            voucher_upkeep_often,
            vouchers_examined_hourly,
        ],
        resources=dict(resource_objects),
        # for runs started from an asset's own page, too: a process a step costs seconds
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """Build the definitions that Dagster loads."""
    return build_definitions(resources.from_environment())
