"""Invariants of sales over all events; each result lists the first violations.

The checks repair nothing and do not call the gateway.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.events import queries as event_queries
from ticketing.orders import review_flag_queries
from ticketing.platform.db import inbox, quarantined_webhooks
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import InvariantResult, Violation
from ticketing.platform.kernel.wall_clock import format_clock
from ticketing.reporting import sales_invariant_queries as queries
from ticketing.selling.payments import refund_queries

FULFILMENT_GRACE = timedelta(minutes=2)
NOTIFICATION_GRACE = timedelta(minutes=10)
LOOKBACK = timedelta(days=7)
MAX_ROWS = 1000


def check_stock_counts(database: Database) -> InvariantResult:
    """Check that the stock counters match the orders and the capacity."""
    with database.transaction() as connection:
        total = queries.count(connection, queries.IS_ON_SALE)
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
    """Check that the usage counters of promo codes match the orders and the limits."""
    with database.transaction() as connection:
        total = queries.count(connection, queries.IS_PROMO)
        found = [
            Violation(f"{slug}, {code}", "its counter differs from its orders")
            for slug, event_id in _events(connection)
            for code in promo_queries.list_miscounted_codes(connection, event_id)
        ]
    return InvariantResult.from_violations(total, found)


def check_unallocated_money(database: Database) -> InvariantResult:
    """Check that every payment is allocated and every paid order has its payments."""
    with database.transaction() as connection:
        total = queries.count(connection, queries.HAS_MONEY)
        unallocated = queries.list_unallocated_payments(connection)
        underpaid = queries.list_underpaid_orders(connection)
    found = [
        Violation(code, f"{amount} of {key} are not allocated") for code, key, amount in unallocated
    ]
    found += [Violation(code, "paid, but its payments differ from its total") for code in underpaid]
    return InvariantResult.from_violations(max(total, len(found)), found)


def check_duplicate_payments(database: Database) -> InvariantResult:
    """Check that every order with two payments has a review flag."""
    with database.transaction() as connection:
        total = queries.count(connection, queries.IS_PAID)
        codes = queries.list_unflagged_duplicate_payments(connection)
    return InvariantResult.from_violations(
        total, (Violation(code, "paid twice without a review flag") for code in codes)
    )


def check_refunds_within_payments(database: Database) -> InvariantResult:
    """Check that refunds, sent and planned, do not exceed their payment."""
    with database.transaction() as connection:
        total = queries.count(connection, queries.HAS_MONEY)
        found = [
            Violation(key, "refunds, sent or planned, exceed the payment")
            for _, event_id in _events(connection)
            for key in refund_queries.list_over_refunded_keys(connection, event_id)
        ]
    return InvariantResult.from_violations(max(total, len(found)), found)


def check_orders_fulfilled(database: Database, *, at: datetime) -> InvariantResult:
    """Check that a paid order has a ticket and a PDF per position, and any other none."""
    with database.transaction() as connection:
        total = queries.count(connection, queries.IS_PAID)
        uneven = queries.list_orders_with_mismatched_places(
            connection, paid_before=at - FULFILMENT_GRACE, at=at
        )
    found = [
        Violation(
            code, f"{state}: {places} places, {entitled} entitlements, {live} tickets, {pdfs} PDFs"
        )
        for code, state, places, entitled, live, pdfs in uneven
    ]
    return InvariantResult.from_violations(max(total, len(found)), found)


def check_stuck_notifications(database: Database, *, at: datetime) -> InvariantResult:
    """Check that no payment notification waits longer than ten minutes."""
    with database.transaction() as connection:
        stuck = inbox.list_unhandled(connection, at - NOTIFICATION_GRACE, limit=MAX_ROWS)
    found = [
        Violation(
            f"notification {one.id} of {one.external_reference}",
            f"waiting since {format_clock(one.received_at)}, {one.attempt_count} attempts"
            f"{': ' if one.reason else ''}{one.reason}",
        )
        for one in stuck
    ]
    return InvariantResult.from_violations(len(found), found)


def check_quarantined_notifications(database: Database, *, at: datetime) -> InvariantResult:
    """Check that every notification of the last week belongs to a payment attempt of ours."""
    with database.transaction() as connection:
        quarantined = quarantined_webhooks.list_quarantined(connection, limit=MAX_ROWS)
    found = [
        Violation(f"notification {one.id} of {one.external_reference}", one.reason)
        for one in quarantined
        if one.received_at >= at - LOOKBACK
    ]
    return InvariantResult.from_violations(len(found), found)


def check_open_review_flags(database: Database) -> InvariantResult:
    """Check that no order has an open review flag."""
    with database.transaction() as connection:
        found = [
            Violation(raised.order_code, f"{raised.flag}: {raised.message}")
            for _, event_id in _events(connection)
            for raised in review_flag_queries.list_open(connection, event_id)
        ]
    return InvariantResult.from_violations(len(found), found)


def _events(connection: Connection) -> Iterable[tuple[str, int]]:
    return [(event.slug, event.id) for event in event_queries.list_events(connection)]
