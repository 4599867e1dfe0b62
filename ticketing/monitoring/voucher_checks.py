"""Invariants of an event's vouchers, and of all routers; each result lists the first violations.

The checks repair nothing. Only `check_router_drift` calls the routers.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from ticketing.monitoring import failure_queries, invariant_queries
from ticketing.monitoring.rates import VOUCHER_LOST_AFTER
from ticketing.monitoring.schemas import WaitingVoucherResponse
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import MAX_VIOLATIONS_KEPT, InvariantResult, Violation
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.vouchers.provisioning.poll_usage import Clock
from ticketing.vouchers.provisioning.reconcile_router import RouterDrift, compare_routers
from ticketing.vouchers.provisioning.router_clients import RouterClientPool

LOOKBACK = timedelta(days=7)
STUCK_AFTER = timedelta(minutes=10)  # the worker reacts at once, Dagster within a minute


def check_paid_vouchers_provisioned(
    database: Database, event_id: int, *, at: datetime
) -> InvariantResult:
    """Check that purchases paid 15 minutes ago have all their vouchers."""
    with database.transaction() as connection:
        total = invariant_queries.count_paid_purchases(connection, event_id)
        found = invariant_queries.list_incomplete_purchases(
            connection, event_id, paid_before=at - VOUCHER_LOST_AFTER
        )
        first = [id_ for id_, *_ in found[:MAX_VIOLATIONS_KEPT]]
        waiting = failure_queries.list_waiting_vouchers(connection, first)
    reasons = {purchase_id: _describe_reasons(these) for purchase_id, these in waiting.items()}
    offenders = (
        Violation(
            code,
            f"{provisioned} of {ordered} vouchers:"
            f" {reasons.get(id_, 'the others are not allocated')}",
        )
        for id_, code, ordered, provisioned in found
    )
    return InvariantResult.from_violations(total, offenders)


def _describe_reasons(waiting: Iterable[WaitingVoucherResponse]) -> str:
    """Return why vouchers are not on their routers, each reason once."""
    reasons = (f"router {one.router}: {one.error_message or 'not called yet'}" for one in waiting)
    return "; ".join(dict.fromkeys(reasons))


def check_unpaid_vouchers(database: Database, event_id: int) -> InvariantResult:
    """Check that no unpaid order has a live voucher."""
    with database.transaction() as connection:
        total = invariant_queries.count_sold_vouchers(connection, event_id)
        found = invariant_queries.list_unpaid_vouchers(connection, event_id)
    offenders = (
        Violation(key, f"{state}, but its order {code} is {order_state}")
        for key, state, code, order_state in found
    )
    return InvariantResult.from_violations(total, offenders)


def check_stuck_vouchers(database: Database, event_id: int, *, at: datetime) -> InvariantResult:
    """Check that no voucher is overdue although its router could be called."""
    with database.transaction() as connection:
        total = invariant_queries.count_vouchers_with_router_work(connection, event_id)
        found = invariant_queries.list_stuck_vouchers(connection, event_id, since=at - STUCK_AFTER)
    offenders = (
        Violation(
            key,
            f"{state}, waiting"
            f" {f'since {format_clock(due)}' if due else 'without a next attempt'}"
            f" for router {router}: {error or 'not attempted'}",
        )
        for key, state, router, due, error in found
    )
    return InvariantResult.from_violations(total, offenders)


def check_undelivered_codes(database: Database, event_id: int, *, at: datetime) -> InvariantResult:
    """Check that the ready messages of the last week were sent."""
    with database.transaction() as connection:
        total, found = invariant_queries.list_undelivered_purchases(
            connection, event_id, since=at - LOOKBACK, before=at - VOUCHER_LOST_AFTER
        )
    offenders = (Violation(code, error or "not sent yet") for code, error in found)
    return InvariantResult.from_violations(total, offenders)


def check_router_drift(
    database: Database, clients: RouterClientPool, *, clock: Clock
) -> InvariantResult:
    """Check that every router matches the database. Changes nothing."""
    drifts = compare_routers(database, clients, clock=clock)
    found = [offender for drift in drifts for offender in _drift_offenders(drift)]
    return InvariantResult.from_violations(
        sum(drift.agreed for drift in drifts) + len(found), found
    )


def _drift_offenders(drift: RouterDrift) -> Iterator[Violation]:
    router = f"router {drift.router}"
    if drift.error:
        yield Violation(router, f"it did not answer: {drift.error}")
    for key in drift.missing:
        yield Violation(key, f"not on {router}")
    for marker in drift.orphans:
        yield Violation(marker.key, f"on {router} with our marker, but not in the database")
    for key in drift.on_other_router:
        yield Violation(key, f"on {router}, but assigned to another")
    for one in drift.changed:
        yield Violation(one.key, f"its {', '.join(one.what)} was changed on {router}")
