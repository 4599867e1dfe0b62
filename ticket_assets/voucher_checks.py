"""Asset checks of hotspot vouchers, one result per outlet, and one of all routers.

The queries are in `ticketing/monitoring/voucher_checks.py`. A failed check stops no run; the sensor
`check_failures` reports it.
"""

from datetime import UTC, datetime

import dagster as dg

from ticket_assets.check_results import to_check_result
from ticket_assets.partitions import EVENT_PARTITIONS, partition_event
from ticket_assets.vouchers import ROUTER_POOL, voucher_delivery_logs, vouchers
from ticketing.monitoring import voucher_checks
from ticketing.platform.application import Application
from ticketing.vouchers.provisioning.router_clients import RouterConnector

TOLERATED_FAILURE_RATE = 0.05  # share of purchases; above it, a channel fails, not single buyers
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@dg.asset_check(asset=vouchers, partitions_def=EVENT_PARTITIONS)
def paid_vouchers_provisioned(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Every order paid more than 15 minutes ago has all its vouchers."""
    event = partition_event(context, application)
    found = voucher_checks.check_paid_vouchers_provisioned(
        application.database, event.id, at=datetime.now(UTC)
    )
    return to_check_result(found, "paid purchases", "ticketing vouchers regenerate ORDER")


@dg.asset_check(asset=vouchers, partitions_def=EVENT_PARTITIONS)
def no_unpaid_vouchers(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No voucher of an unpaid order is usable."""
    event = partition_event(context, application)
    found = voucher_checks.check_unpaid_vouchers(application.database, event.id)
    return to_check_result(
        found, "vouchers", "ticketing vouchers show KEY, then ticketing payments reconcile"
    )


@dg.asset_check(asset=vouchers, partitions_def=EVENT_PARTITIONS)
def no_stuck_vouchers(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No voucher has waited longer than ten minutes although its router is reachable."""
    event = partition_event(context, application)
    at = datetime.now(UTC)
    found = voucher_checks.check_stuck_vouchers(application.database, event.id, at=at)
    return to_check_result(found, "queued vouchers", "ticketing vouchers provision")


@dg.asset_check(asset=vouchers, pool=ROUTER_POOL)
def routers_match_database(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """Every router, queried now, has exactly the vouchers of the database. Repairs nothing.

    One result of all routers: a router can serve several outlets, and is read once.
    """
    with application.get(RouterConnector).connect() as clients:
        found = voucher_checks.check_router_drift(
            application.database, clients, clock=lambda: datetime.now(UTC)
        )
    repair = "ticketing vouchers compare --all, then ticketing vouchers repair plan ROUTER"
    return to_check_result(found, "vouchers on routers", repair)


@dg.asset_check(asset=voucher_delivery_logs, partitions_def=EVENT_PARTITIONS)
def voucher_codes_delivered(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Buyers of the last week's ready vouchers were sent their codes; below 95 % is an error."""
    event = partition_event(context, application)
    at = datetime.now(UTC)
    found = voucher_checks.check_undelivered_codes(application.database, event.id, at=at)
    repair = (
        f"ticketing deliveries list --event {event.slug} --failed,"
        " then ticketing deliveries resend ID"
    )
    is_rare = found.violation_count <= TOLERATED_FAILURE_RATE * found.total
    return to_check_result(found, "purchases", repair, severity=WARN if is_rare else ERROR)


OUTLET_CHECKS = [
    paid_vouchers_provisioned,
    no_unpaid_vouchers,
    no_stuck_vouchers,
    voucher_codes_delivered,
]
ROUTER_CHECKS = [routers_match_database]
