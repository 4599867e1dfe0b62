"""What must hold of sales, as asset checks: one verdict for all events.

What is looked at, and how, is in `ticketing/actions/examine_sales.py`. A check that fails stops
nothing: the sensor `check_failures` tells of it. What waits for a person warns, and is no error.
"""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.payments import orders, payments
from ticket_assets.verdicts import verdict
from ticketing.actions import examine_ledger, examine_sales
from ticketing.application import Application

SERVE = "ticketing work --once"
ANSWER = "ticketing orders resolve CODE --flag … --by …"
RECOUNT = "ticketing recount --event EVENT"
WARN = dg.AssetCheckSeverity.WARN


@dg.asset_check(asset=orders.key)
def the_stock_adds_up(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Places held and sold are those of the orders, and no more than there are."""
    found = examine_sales.drifted_stock(application.database)
    return verdict(found, "ticket types", RECOUNT)


@dg.asset_check(asset=orders.key)
def promo_uses_add_up(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """A promo code was used as often as its orders say, and no more often than it may be."""
    found = examine_sales.miscounted_promos(application.database)
    return verdict(found, "promo codes", RECOUNT)


@dg.asset_check(asset=orders.key)
def no_question_is_open(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No order waits for a person's decision."""
    found = examine_sales.open_questions(application.database)
    return verdict(found, "questions", ANSWER, severity=WARN)


@dg.asset_check(asset=payments)
def every_rupiah_is_accounted_for(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """All money that came in pays for one order, went back, or is asked about."""
    found = examine_sales.stray_money(application.database)
    return verdict(found, "payments", "ticketing reconcile")


@dg.asset_check(asset=payments)
def the_books_agree(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """The ledger says of every order and every payment what they are."""
    found = examine_ledger.unbooked(application.database)
    return verdict(found, "orders", "ticketing ledger EVENT")


@dg.asset_check(asset=payments)
def whoever_pays_twice_is_noticed(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Where two payments came for one order, a person was asked."""
    found = examine_sales.paid_twice(application.database)
    return verdict(found, "paid orders", "ticketing reconcile")


@dg.asset_check(asset=payments)
def no_more_goes_back_than_came(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Refunds of a payment, made and promised, are no more than was paid."""
    found = examine_sales.given_back_beyond_payment(application.database)
    return verdict(found, "payments", "ticketing refund drop CODE --refund KEY --reason …")


@dg.asset_check(asset=payments)
def every_paid_order_has_its_tickets(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """A paid order has as many entitlements, tickets and PDFs as places; any other has none."""
    found = examine_sales.unserved_orders(application.database, at=datetime.now(UTC))
    return verdict(found, "orders", SERVE)


@dg.asset_check(asset=payments)
def no_notice_is_stuck(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No payment notice waits for longer than ten minutes."""
    found = examine_sales.stuck_notices(application.database, at=datetime.now(UTC))
    return verdict(found, "notices", SERVE)


@dg.asset_check(asset=payments)
def every_notice_is_about_a_payment(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """Every notice of the last week was about a payment of ours."""
    found = examine_sales.quarantined_notices(application.database, at=datetime.now(UTC))
    return verdict(found, "notices", "ticketing reconcile", severity=WARN)


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
