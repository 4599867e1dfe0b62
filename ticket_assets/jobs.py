"""Jobs over assets and checks.

Each names the in-process executor: one process per step would add seconds.
"""

import dagster as dg

from ticket_assets.checks import CHECKS
from ticket_assets.documents import ticket_pdfs
from ticket_assets.payments import payments
from ticket_assets.reports import generation_report
from ticket_assets.roster import attendees
from ticket_assets.sales import daily_sales, reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.tickets import missing_tickets, tickets
from ticket_assets.voucher_checks import VOUCHER_CHECKS
from ticket_assets.vouchers import voucher_delivery_logs, vouchers

issue_event_tickets = dg.define_asset_job(
    "issue_event_tickets",
    selection=[attendees, missing_tickets, tickets, ticket_pdfs, generation_report],
    executor_def=dg.in_process_executor,
    description="Everything an event lacks: tickets, their PDFs and the report. Again is safe.",
)

import_roster = dg.define_asset_job(
    "import_roster",
    selection=[attendees, missing_tickets],
    executor_def=dg.in_process_executor,
    description="A roster into an event, and who then lacks a ticket. Issues nothing.",
)

serve_paid_orders = dg.define_asset_job(
    "serve_paid_orders",
    selection=dg.AssetSelection.assets(payments).without_checks(),
    executor_def=dg.in_process_executor,
    description="Waiting payment notices settled, and tickets for who has paid. Again is safe.",
)

# checks alone make no partitioned job in dagster 1.13; the gap is a query and belongs to the answer
examine_event = dg.define_asset_job(
    "examine_event",
    selection=dg.AssetSelection.assets(missing_tickets) | dg.AssetSelection.checks(*CHECKS),
    executor_def=dg.in_process_executor,
    description="Who lacks a ticket, and every check, on what is there now. Issues nothing.",
)

daily_books = dg.define_asset_job(
    "daily_books",
    selection=[daily_sales, reconciliation],
    executor_def=dg.in_process_executor,
    description="A day's sales, and its payments against the gateway's books. Again is safe.",
)

examine_sales = dg.define_asset_job(
    "examine_sales",
    selection=dg.AssetSelection.checks(*SALES_CHECKS),
    executor_def=dg.in_process_executor,
    description="Every check of sales on what is there now. Changes nothing.",
)

provision_vouchers = dg.define_asset_job(
    "provision_vouchers",
    selection=dg.AssetSelection.assets(vouchers).without_checks(),
    executor_def=dg.in_process_executor,
    description="What is paid for onto its router, what ended off it. Again is safe.",
)

examine_vouchers = dg.define_asset_job(
    "examine_vouchers",
    selection=dg.AssetSelection.assets(voucher_delivery_logs)
    | dg.AssetSelection.checks(*VOUCHER_CHECKS),
    executor_def=dg.in_process_executor,
    description="Every check of vouchers, routers asked, and how codes arrive. Changes nothing.",
)
