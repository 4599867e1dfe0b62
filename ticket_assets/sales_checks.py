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
from ticketing.selling.ledger import queries as ledger_checks

FULFIL_COMMAND = "ticketing worker --once"
RESOLVE_FLAG_COMMAND = "ticketing orders resolve CODE --flag … --by …"
RECOUNT_COMMAND = "ticketing orders recount --event EVENT"
WARN = dg.AssetCheckSeverity.WARN


@dg.asset_check(asset=orders.key)
def stock_counts_match(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Reserved and sold places equal the orders' and stay within capacity."""
    found = sales_checks.check_stock_counts(application.database)
    return to_check_result(found, "ticket types", RECOUNT_COMMAND)


@dg.asset_check(asset=orders.key)
def promo_counts_match(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Uses of each promo code equal the orders' and stay within its limit."""
    found = sales_checks.check_promo_counts(application.database)
    return to_check_result(found, "promo codes", RECOUNT_COMMAND)


@dg.asset_check(asset=orders.key)
def no_open_review_flags(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No order has an open review flag."""
    found = sales_checks.check_open_review_flags(application.database)
    return to_check_result(found, "review flags", RESOLVE_FLAG_COMMAND, severity=WARN)


@dg.asset_check(asset=payments)
def no_unallocated_money(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every received amount pays for one order, was refunded, or has a review flag."""
    found = sales_checks.check_unallocated_money(application.database)
    return to_check_result(found, "payments", "ticketing payments reconcile")


@dg.asset_check(asset=payments)
def ledger_matches_sales(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """The ledger matches the state of every order and payment."""
    found = ledger_checks.check_ledger_matches_sales(application.database)
    return to_check_result(found, "orders", "ticketing ledger list --event EVENT")


@dg.asset_check(asset=payments)
def duplicate_payments_flagged(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every order with two payments has a review flag."""
    found = sales_checks.check_duplicate_payments(application.database)
    return to_check_result(found, "paid orders", "ticketing payments reconcile")


@dg.asset_check(asset=payments)
def refunds_within_payments(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Completed and pending refunds of a payment do not exceed the payment."""
    found = sales_checks.check_refunds_within_payments(application.database)
    repair = "ticketing refunds cancel CODE --refund KEY --reason …"
    return to_check_result(found, "payments", repair)


@dg.asset_check(asset=payments)
def paid_orders_fulfilled(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Paid orders have as many entitlements, tickets and PDFs as places; other orders have none."""
    found = sales_checks.check_orders_fulfilled(application.database, at=datetime.now(UTC))
    return to_check_result(found, "orders", FULFIL_COMMAND)


@dg.asset_check(asset=payments)
def no_stuck_notifications(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No payment notification has waited longer than ten minutes."""
    found = sales_checks.check_stuck_notifications(application.database, at=datetime.now(UTC))
    return to_check_result(found, "notifications", FULFIL_COMMAND)


@dg.asset_check(asset=payments)
def no_unknown_notifications(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every payment notification of the last week belongs to a known payment."""
    found = sales_checks.check_quarantined_notifications(application.database, at=datetime.now(UTC))
    return to_check_result(found, "notifications", "ticketing payments reconcile", severity=WARN)


SALES_CHECKS = [
    stock_counts_match,
    promo_counts_match,
    no_open_review_flags,
    no_unallocated_money,
    ledger_matches_sales,
    duplicate_payments_flagged,
    refunds_within_payments,
    paid_orders_fulfilled,
    no_stuck_notifications,
    no_unknown_notifications,
]
