"""What must hold of sales, examined over all events; what does not comes with its offenders.

Nothing is repaired here, and nobody outside is asked.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.events import queries as event_queries
from ticketing.orders import review_flag_queries
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation
from ticketing.reporting import sales_invariant_queries
from ticketing.reporting.sales_invariant_queries import OrderPlaceCounts
from ticketing.selling.payments import refund_queries

FULFILMENT_GRACE = timedelta(minutes=2)
NOTIFICATION_GRACE = timedelta(minutes=10)
LOOKBACK = timedelta(days=7)
MAX_ROWS = 1000


def check_stock_counts(database: Database) -> InvariantResult:
    """Places held and sold are those of the orders, and no more than there are."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_ticket_types_on_sale(connection)
        found = [
            Violation(
                f"{slug}, ticket type {drift.ticket_type_id}",
                f"counted {drift.counted.pending} held and {drift.counted.sold} sold of"
                f" {drift.counted.capacity}, orders say {drift.pending_by_orders} and"
                f" {drift.sold_by_orders}",
            )
            for slug, event_id in _events(connection)
            for drift in stock_queries.list_drifted(connection, event_id)
        ]
    return InvariantResult.from_violations(total, found)


def check_promo_counts(database: Database) -> InvariantResult:
    """A promo code was used as often as orders say, and no more often than it may be."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_promos(connection)
        found = [
            Violation(f"{slug}, {code}", "its count is not that of its orders")
            for slug, event_id in _events(connection)
            for code in promo_queries.list_miscounted_codes(connection, event_id)
        ]
    return InvariantResult.from_violations(total, found)


def check_unallocated_money(database: Database) -> InvariantResult:
    """Money that came in paid for one order, went back, or is asked about; orders are paid for."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_attempts_with_money(connection)
        strays = sales_invariant_queries.list_unallocated_payments(connection)
        unpaid = sales_invariant_queries.list_underpaid_orders(connection)
    found = [
        Violation(stray.order_code, f"{stray.amount} of {stray.attempt_key} belong to nothing")
        for stray in strays
    ]
    found += [Violation(code, "paid, and its money is not there") for code in unpaid]
    return InvariantResult.from_violations(max(total, len(found)), found)


def check_duplicate_payments(database: Database) -> InvariantResult:
    """Where two payments came for one order, a person was asked."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_paid_orders(connection)
        codes = sales_invariant_queries.list_unflagged_duplicate_payments(connection)
    return InvariantResult.from_violations(
        total, (Violation(code, "paid twice, and nobody was asked") for code in codes)
    )


def check_refunds_within_payments(database: Database) -> InvariantResult:
    """What went back of a payment, and is promised to, is no more than was paid."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_attempts_with_money(connection)
        found = [
            Violation(key, "more went back, or is promised to, than was paid")
            for _, event_id in _events(connection)
            for key in refund_queries.list_over_refunded_keys(connection, event_id)
        ]
    return InvariantResult.from_violations(max(total, len(found)), found)


def check_orders_fulfilled(database: Database, *, at: datetime) -> InvariantResult:
    """A paid order has as many entitlements, tickets and PDFs as places; any other has none."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_paid_orders(connection)
        uneven = sales_invariant_queries.list_orders_with_mismatched_places(
            connection, paid_before=at - FULFILMENT_GRACE, at=at
        )
    return InvariantResult.from_violations(max(total, len(uneven)), map(_mismatch_offender, uneven))


def _mismatch_offender(order: OrderPlaceCounts) -> Violation:
    return Violation(
        order.order_code,
        f"{order.state}: {order.places} places, {order.entitled} entitlements, {order.live}"
        f" tickets, {order.printed} PDFs",
    )


def check_stuck_notifications(database: Database, *, at: datetime) -> InvariantResult:
    """No payment notice waits for longer than ten minutes."""
    with database.transaction() as connection:
        stuck = inbox.list_unhandled(connection, at - NOTIFICATION_GRACE, limit=MAX_ROWS)
    found = [
        Violation(
            f"notice {one.id} of {one.subject}",
            f"waits since {one.received_at:%Y-%m-%d %H:%M} UTC, tried {one.tries} times"
            f"{': ' if one.reason else ''}{one.reason}",
        )
        for one in stuck
    ]
    return InvariantResult.from_violations(len(found), found)


def check_quarantined_notifications(database: Database, *, at: datetime) -> InvariantResult:
    """Every notice of the last week was about a payment of ours."""
    with database.transaction() as connection:
        kept = inbox.list_quarantined(connection, limit=MAX_ROWS)
    found = [
        Violation(f"notice {one.id} of {one.subject}", one.reason)
        for one in kept
        if one.received_at >= at - LOOKBACK
    ]
    return InvariantResult.from_violations(len(found), found)


def check_open_review_flags(database: Database) -> InvariantResult:
    """No order waits for a person's decision."""
    with database.transaction() as connection:
        found = [
            Violation(raised.order_code, f"{raised.flag}: {raised.message}")
            for _, event_id in _events(connection)
            for raised in review_flag_queries.list_open(connection, event_id)
        ]
    return InvariantResult.from_violations(len(found), found)


def _events(connection: Connection) -> Iterable[tuple[str, int]]:
    return [(event.slug, event.id) for event in event_queries.list_events(connection)]
