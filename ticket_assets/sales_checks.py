"""What must hold of sales, as asset checks: one verdict for all events.

What is looked at, and how, is in `ticketing/reporting/sales_checks.py`. A check that fails stops
nothing: the sensor `check_failures` tells of it. What waits for a person warns, and is no error.
"""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.check_results import to_check_result
from ticket_assets.payments import orders, payments
from ticketing.platform.application import Application
from ticketing.reporting import sales_checks
from ticketing.selling.ledger import checks as ledger_checks

FULFIL_COMMAND = "ticketing work --once"
RESOLVE_FLAG_COMMAND = "ticketing orders resolve CODE --flag … --by …"
RECOUNT_COMMAND = "ticketing recount --event EVENT"
WARN = dg.AssetCheckSeverity.WARN


@dg.asset_check(asset=orders.key)
def the_stock_adds_up(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Places held and sold are those of the orders, and no more than there are."""
    found = sales_checks.check_stock_counts(application.database)
    return to_check_result(found, "ticket types", RECOUNT_COMMAND)


@dg.asset_check(asset=orders.key)
def promo_uses_add_up(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """A promo code was used as often as its orders say, and no more often than it may be."""
    found = sales_checks.check_promo_counts(application.database)
    return to_check_result(found, "promo codes", RECOUNT_COMMAND)


@dg.asset_check(asset=orders.key)
def no_question_is_open(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No order waits for a person's decision."""
    found = sales_checks.check_open_review_flags(application.database)
    return to_check_result(found, "questions", RESOLVE_FLAG_COMMAND, severity=WARN)


@dg.asset_check(asset=payments)
def every_rupiah_is_accounted_for(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """All money that came in pays for one order, went back, or is asked about."""
    found = sales_checks.check_unallocated_money(application.database)
    return to_check_result(found, "payments", "ticketing reconcile")


@dg.asset_check(asset=payments)
def the_books_agree(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """The ledger says of every order and every payment what they are."""
    found = ledger_checks.check_ledger_matches_sales(application.database)
    return to_check_result(found, "orders", "ticketing ledger EVENT")


@dg.asset_check(asset=payments)
def whoever_pays_twice_is_noticed(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Where two payments came for one order, a person was asked."""
    found = sales_checks.check_duplicate_payments(application.database)
    return to_check_result(found, "paid orders", "ticketing reconcile")


@dg.asset_check(asset=payments)
def no_more_goes_back_than_came(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Refunds of a payment, made and promised, are no more than was paid."""
    found = sales_checks.check_refunds_within_payments(application.database)
    return to_check_result(found, "payments", "ticketing refund drop CODE --refund KEY --reason …")


@dg.asset_check(asset=payments)
def every_paid_order_has_its_tickets(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """A paid order has as many entitlements, tickets and PDFs as places; any other has none."""
    found = sales_checks.check_orders_fulfilled(application.database, at=datetime.now(UTC))
    return to_check_result(found, "orders", FULFIL_COMMAND)


@dg.asset_check(asset=payments)
def no_notice_is_stuck(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No payment notice waits for longer than ten minutes."""
    found = sales_checks.check_stuck_notifications(application.database, at=datetime.now(UTC))
    return to_check_result(found, "notices", FULFIL_COMMAND)


@dg.asset_check(asset=payments)
def every_notice_is_about_a_payment(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every notice of the last week was about a payment of ours."""
    found = sales_checks.check_quarantined_notifications(application.database, at=datetime.now(UTC))
    return to_check_result(found, "notices", "ticketing reconcile", severity=WARN)


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
