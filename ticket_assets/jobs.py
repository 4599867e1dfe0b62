"""Jobs over assets and checks."""

import dagster as dg

from ticket_assets.documents import ticket_pdfs
from ticket_assets.payment_matches import payment_matches, ticket_holders_have_settled
from ticket_assets.payment_records import payment_records
from ticket_assets.payments import payments
from ticket_assets.people import people_retention
from ticket_assets.reports import generation_report
from ticket_assets.roster import entitlements
from ticket_assets.run_queue import BUYER_WAITS, area
from ticket_assets.sales import daily_sales, reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.ticket_checks import CHECKS
from ticket_assets.tickets import missing_tickets, tickets
from ticket_assets.voucher_checks import OUTLET_CHECKS, ROUTER_CHECKS
from ticket_assets.vouchers import voucher_delivery_logs

issue_event_tickets = dg.define_asset_job(
    "issue_event_tickets",
    tags=area("tickets"),
    selection=[
        entitlements,
        payment_matches,
        missing_tickets,
        tickets,
        ticket_pdfs,
        generation_report,
    ],
    description="Missing tickets of an event, their PDFs and the report. Safe to run again.",
)

import_roster = dg.define_asset_job(
    "import_roster",
    tags=area("roster"),
    selection=[entitlements, payment_matches, missing_tickets],
    description="Import of a roster into an event, and the missing tickets. Issues nothing.",
)

fulfil_paid_orders = dg.define_asset_job(
    "fulfil_paid_orders",
    selection=dg.AssetSelection.assets(payments).without_checks(),
    tags={**BUYER_WAITS, **area("sales")},
    description="Settlement of payment notifications, tickets of paid orders. Safe to run again.",
)

# dagster 1.13 makes no partitioned job from checks alone; missing_tickets is only a query
check_event = dg.define_asset_job(
    "check_event",
    tags=area("tickets"),
    selection=dg.AssetSelection.assets(missing_tickets)
    | dg.AssetSelection.checks(*CHECKS, ticket_holders_have_settled),
    description="Missing tickets and all checks of an event. Issues nothing.",
)

daily_reconciliation = dg.define_asset_job(
    "daily_reconciliation",
    tags=area("sales"),
    selection=[daily_sales, reconciliation],
    description="Sales of a day, and reconciliation of its payments. Safe to run again.",
)

sync_payment_records = dg.define_asset_job(
    "sync_payment_records",
    tags=area("billing"),
    selection=[payment_records],
    description="Fetches the payment record of every student, and checks them. Safe to run again.",
)

apply_retention = dg.define_asset_job(
    "apply_retention",
    tags=area("people"),
    selection=[people_retention],
    description="Erasure of people's data that are due by the retention rules. Safe to run again.",
)

check_sales = dg.define_asset_job(
    "check_sales",
    tags=area("sales"),
    selection=dg.AssetSelection.checks(*SALES_CHECKS),
    description="All checks of sales. Changes nothing.",
)

check_vouchers = dg.define_asset_job(
    "check_vouchers",
    tags=area("hotspot"),
    selection=dg.AssetSelection.assets(voucher_delivery_logs)
    | dg.AssetSelection.checks(*OUTLET_CHECKS),
    description="All checks of an outlet's vouchers and deliveries. Changes nothing.",
)

check_routers = dg.define_asset_job(
    "check_routers",
    tags=area("hotspot"),
    selection=dg.AssetSelection.checks(*ROUTER_CHECKS),
    description="Comparison of all routers with the database. Changes nothing.",
)
