"""Asset checks of sales, one result for all events.

The queries are in `ticketing/reporting/sales_checks.py`. A failed check stops no run; the sensor
`check_failures` reports it. Items that wait for a decision give a warning.
"""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.check_results import to_check_result
from ticket_assets.payments import orders, payments
from ticketing.platform.application import Application
from ticketing.reporting import sales_checks
from ticketing.selling.ledger import checks as ledger_checks

FULFIL_COMMAND = "ticketing worker --once"
RESOLVE_FLAG_COMMAND = "ticketing orders resolve CODE --flag … --by …"
RECOUNT_COMMAND = "ticketing orders recount --event EVENT"
WARN = dg.AssetCheckSeverity.WARN


@dg.asset_check(asset=orders.key)
def the_stock_adds_up(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Reserved and sold places equal the orders' and stay within capacity."""
    found = sales_checks.check_stock_counts(application.database)
    return to_check_result(found, "ticket types", RECOUNT_COMMAND)


@dg.asset_check(asset=orders.key)
def promo_uses_add_up(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Uses of each promo code equal the orders' and stay within its limit."""
    found = sales_checks.check_promo_counts(application.database)
    return to_check_result(found, "promo codes", RECOUNT_COMMAND)


@dg.asset_check(asset=orders.key)
def no_question_is_open(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No order has an open review flag."""
    found = sales_checks.check_open_review_flags(application.database)
    return to_check_result(found, "questions", RESOLVE_FLAG_COMMAND, severity=WARN)


@dg.asset_check(asset=payments)
def every_rupiah_is_accounted_for(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every received amount pays for one order, was refunded, or has a review flag."""
    found = sales_checks.check_unallocated_money(application.database)
    return to_check_result(found, "payments", "ticketing payments reconcile")


@dg.asset_check(asset=payments)
def the_books_agree(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """The ledger matches the state of every order and payment."""
    found = ledger_checks.check_ledger_matches_sales(application.database)
    return to_check_result(found, "orders", "ticketing ledger list --event EVENT")


@dg.asset_check(asset=payments)
def whoever_pays_twice_is_noticed(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every order with two payments has a review flag."""
    found = sales_checks.check_duplicate_payments(application.database)
    return to_check_result(found, "paid orders", "ticketing payments reconcile")


@dg.asset_check(asset=payments)
def no_more_goes_back_than_came(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Completed and pending refunds of a payment do not exceed the payment."""
    found = sales_checks.check_refunds_within_payments(application.database)
    repair = "ticketing refunds cancel CODE --refund KEY --reason …"
    return to_check_result(found, "payments", repair)


@dg.asset_check(asset=payments)
def every_paid_order_has_its_tickets(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Paid orders have as many entitlements, tickets and PDFs as places; other orders have none."""
    found = sales_checks.check_orders_fulfilled(application.database, at=datetime.now(UTC))
    return to_check_result(found, "orders", FULFIL_COMMAND)


@dg.asset_check(asset=payments)
def no_notice_is_stuck(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No payment notification has waited longer than ten minutes."""
    found = sales_checks.check_stuck_notifications(application.database, at=datetime.now(UTC))
    return to_check_result(found, "notices", FULFIL_COMMAND)


@dg.asset_check(asset=payments)
def every_notice_is_about_a_payment(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every payment notification of the last week belongs to a known payment."""
    found = sales_checks.check_quarantined_notifications(application.database, at=datetime.now(UTC))
    return to_check_result(found, "notices", "ticketing payments reconcile", severity=WARN)


SALES_CHECKS = [
    the_stock_adds_up,
    promo_uses_add_up,
    no_question_is_open,
    every_rupiah_is_accounted_for,
    the_books_agree,
    whoever_pays_twice_is_noticed,
    no_more_goes_back_than_came,
    every_paid_order_has_its_tickets,
    no_notice_is_stuck,
    every_notice_is_about_a_payment,
]
