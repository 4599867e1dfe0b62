"""What must hold of vouchers, examined over all events; what does not comes with its offenders.

Nothing is repaired here. Only `router_drift` asks somebody outside: the routers themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from ticketing.monitoring import failure_queries, invariant_queries, queue_queries
from ticketing.monitoring.failure_queries import Waiting
from ticketing.monitoring.invariant_queries import Left
from ticketing.monitoring.rates import LOST_AFTER
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import OFFENDERS_KEPT, Findings, Offender
from ticketing.vouchers.provisioning.poll_usage import Clock
from ticketing.vouchers.provisioning.reconcile_router import Drift, compare_routers
from ticketing.vouchers.provisioning.router_admin import RouterDoors

LOOKED_BACK = timedelta(days=7)
LEFT_AFTER = timedelta(minutes=10)  # the worker goes to a router at once, Dagster within a minute


def unprovisioned(database: Database, *, at: datetime) -> Findings:
    """Whoever paid a quarter of an hour ago has as many vouchers as they ordered."""
    with database.transaction() as connection:
        total = invariant_queries.count_paid(connection)
        found = invariant_queries.incomplete(connection, paid_by=at - LOST_AFTER)
        first = [one.id for one in found[:OFFENDERS_KEPT]]
        reasons = _reasons(failure_queries.unserved(connection, first))
    offenders = (
        Offender(
            one.order_code,
            f"{one.served} of {one.ordered} vouchers: {reasons.get(one.id, 'the rest has no row')}",
        )
        for one in found
    )
    return Findings.of(total, offenders)


def _reasons(waiting: Iterable[Waiting]) -> dict[int, str]:
    """Why the vouchers of each purchase are not on their routers."""
    said: defaultdict[int, list[str]] = defaultdict(list)
    for one in waiting:
        reason = f"router {one.router}: {one.last_error or 'nobody asked it yet'}"
        if reason not in said[one.purchase_id]:
            said[one.purchase_id].append(reason)
    return {purchase_id: "; ".join(reasons) for purchase_id, reasons in said.items()}


def unpaid_vouchers(database: Database) -> Findings:
    """Nobody has a voucher of an order that is not paid."""
    with database.transaction() as connection:
        total = invariant_queries.count_sold(connection)
        found = invariant_queries.unpaid(connection)
    offenders = (
        Offender(one.key, f"{one.state}, and its order {one.order_code} is {one.order_state}")
        for one in found
    )
    return Findings.of(total, offenders)


def stuck_vouchers(database: Database, *, at: datetime) -> Findings:
    """No voucher waits although its router could be asked."""
    with database.transaction() as connection:
        total = sum(queue_queries.vouchers_queue(connection))
        found = invariant_queries.left(connection, since=at - LEFT_AFTER)
    return Findings.of(total, map(_left, found))


def _left(one: Left) -> Offender:
    since = f"since {one.next_try:%Y-%m-%d %H:%M} UTC" if one.next_try else "for ever"
    why = one.last_error or "nobody goes there"
    return Offender(one.key, f"{one.state}, waits {since} for router {one.router}: {why}")


def undelivered_codes(database: Database, *, at: datetime) -> Findings:
    """Of the purchases that were ready in the last week: their buyers have the message."""
    with database.transaction() as connection:
        total, found = invariant_queries.unheard(
            connection, since=at - LOOKED_BACK, before=at - LOST_AFTER
        )
    offenders = (Offender(one.order_code, one.last_error or "not sent yet") for one in found)
    return Findings.of(total, offenders)


def router_drift(database: Database, doors: RouterDoors, *, clock: Clock) -> Findings:
    """Every router has what our books say, as we sold it. Changes nothing on either side."""
    drifts = compare_routers(database, doors, clock=clock)
    found = [offender for drift in drifts for offender in _differences(drift)]
    return Findings.of(sum(drift.agreed for drift in drifts) + len(found), found)


def _differences(drift: Drift) -> Iterator[Offender]:
    if drift.error:
        yield Offender(f"router {drift.router}", f"it cannot be asked: {drift.error}")
    orphans = [marker.key for marker in drift.orphans]
    yield from _each(drift.missing, f"not on router {drift.router}")
    yield from _each(orphans, f"on router {drift.router} with our marker, and nobody's")
    yield from _each(drift.elsewhere, f"on router {drift.router}, and at home on another")
    for one in drift.changed:
        what = ", ".join(one.what)
        yield Offender(one.key, f"somebody changed its {what} on router {drift.router}")


def _each(keys: Sequence[str], wrong: str) -> Iterator[Offender]:
    return (Offender(key, wrong) for key in keys)
