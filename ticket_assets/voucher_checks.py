"""What must hold of hotspot vouchers, as asset checks: one verdict for all outlets.

What is looked at, and how, is in `ticketing/actions/examine_vouchers.py`. A check that fails stops
nothing: the sensor `check_failures` tells of it.
"""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.verdicts import verdict
from ticket_assets.vouchers import ROUTERS, voucher_delivery_logs, vouchers
from ticketing.actions import examine_vouchers
from ticketing.actions.router_doors import RouterConnector
from ticketing.application import Application

RARE = 0.05  # of the purchases: beyond, it is not single buyers but a channel
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@dg.asset_check(asset=vouchers)
def what_is_paid_is_provisioned(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Whoever paid a quarter of an hour ago has as many vouchers as they ordered."""
    found = examine_vouchers.unprovisioned(application.database, at=datetime.now(UTC))
    return verdict(found, "paid purchases", "ticketing vouchers regenerate ORDER")


@dg.asset_check(asset=vouchers)
def no_voucher_without_payment(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Nobody can use a voucher of an order that is not paid."""
    found = examine_vouchers.unpaid_vouchers(application.database)
    return verdict(found, "vouchers", "ticketing vouchers show KEY, then ticketing reconcile")


@dg.asset_check(asset=vouchers)
def no_voucher_is_stuck(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """No voucher waits for ten minutes although its router could be asked."""
    found = examine_vouchers.stuck_vouchers(application.database, at=datetime.now(UTC))
    return verdict(found, "vouchers on their way", "ticketing provision")


@dg.asset_check(asset=vouchers, pool=ROUTERS)
def the_routers_agree(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Every router, asked now, has what our books say, as it was sold. Repairs nothing."""
    with application.get(RouterConnector).connect() as doors:
        found = examine_vouchers.router_drift(
            application.database, doors, clock=lambda: datetime.now(UTC)
        )
    repair = "ticketing vouchers compare --all, then ticketing vouchers repair plan ROUTER"
    return verdict(found, "vouchers on routers", repair)


@dg.asset_check(asset=voucher_delivery_logs)
def codes_reach_their_buyers(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Of the last week: whose vouchers are ready was sent the codes. Under 95 % is an error."""
    found = examine_vouchers.undelivered_codes(application.database, at=datetime.now(UTC))
    repair = "ticketing deliveries EVENT --failed, then ticketing resend"
    is_rare = found.broken <= RARE * found.total
    return verdict(found, "purchases", repair, severity=WARN if is_rare else ERROR)


VOUCHER_CHECKS = [
    what_is_paid_is_provisioned,
    no_voucher_without_payment,
    no_voucher_is_stuck,
    the_routers_agree,
    codes_reach_their_buyers,
]
