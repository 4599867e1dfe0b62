"""What must hold of sales, examined over all events; what does not comes with its offenders.

Nothing is repaired here, and nobody outside is asked.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.events import queries as event_queries
from ticketing.orders import flag_queries
from ticketing.platform.db import inbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.invariant import Findings, Offender
from ticketing.reporting import sales_invariant_queries
from ticketing.reporting.sales_invariant_queries import PlacesOfOrder
from ticketing.selling.payments import refund_queries

SERVED_WITHIN = timedelta(minutes=2)
HANDLED_WITHIN = timedelta(minutes=10)
LOOKED_BACK = timedelta(days=7)
MOST = 1000


def drifted_stock(database: Database) -> Findings:
    """Places held and sold are those of the orders, and no more than there are."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_on_sale(connection)
        found = [
            Offender(
                f"{slug}, ticket type {drift.ticket_type_id}",
                f"counted {drift.counted.pending} held and {drift.counted.sold} sold of"
                f" {drift.counted.capacity}, orders say {drift.pending_by_orders} and"
                f" {drift.sold_by_orders}",
            )
            for slug, event_id in _events(connection)
            for drift in stock_queries.drifted(connection, event_id)
        ]
    return Findings.of(total, found)


def miscounted_promos(database: Database) -> Findings:
    """A promo code was used as often as orders say, and no more often than it may be."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_promos(connection)
        found = [
            Offender(f"{slug}, {code}", "its count is not that of its orders")
            for slug, event_id in _events(connection)
            for code in promo_queries.miscounted(connection, event_id)
        ]
    return Findings.of(total, found)


def stray_money(database: Database) -> Findings:
    """Money that came in paid for one order, went back, or is asked about; orders are paid for."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_with_money(connection)
        strays = sales_invariant_queries.strays(connection)
        unpaid = sales_invariant_queries.unpaid(connection)
    found = [
        Offender(stray.order_code, f"{stray.amount} of {stray.attempt_key} belong to nothing")
        for stray in strays
    ]
    found += [Offender(code, "paid, and its money is not there") for code in unpaid]
    return Findings.of(max(total, len(found)), found)


def paid_twice(database: Database) -> Findings:
    """Where two payments came for one order, a person was asked."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_paid(connection)
        codes = sales_invariant_queries.paid_twice_unflagged(connection)
    return Findings.of(
        total, (Offender(code, "paid twice, and nobody was asked") for code in codes)
    )


def given_back_beyond_payment(database: Database) -> Findings:
    """What went back of a payment, and is promised to, is no more than was paid."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_with_money(connection)
        found = [
            Offender(key, "more went back, or is promised to, than was paid")
            for _, event_id in _events(connection)
            for key in refund_queries.beyond_payment(connection, event_id)
        ]
    return Findings.of(max(total, len(found)), found)


def unserved_orders(database: Database, *, at: datetime) -> Findings:
    """A paid order has as many entitlements, tickets and PDFs as places; any other has none."""
    with database.transaction() as connection:
        total = sales_invariant_queries.count_paid(connection)
        uneven = sales_invariant_queries.uneven(connection, paid_by=at - SERVED_WITHIN, at=at)
    return Findings.of(max(total, len(uneven)), map(_uneven, uneven))


def _uneven(order: PlacesOfOrder) -> Offender:
    return Offender(
        order.order_code,
        f"{order.state}: {order.places} places, {order.entitled} entitlements, {order.live}"
        f" tickets, {order.printed} PDFs",
    )


def stuck_notices(database: Database, *, at: datetime) -> Findings:
    """No payment notice waits for longer than ten minutes."""
    with database.transaction() as connection:
        stuck = inbox.waiting_since(connection, at - HANDLED_WITHIN, most=MOST)
    found = [
        Offender(
            f"notice {one.id} of {one.subject}",
            f"waits since {one.received_at:%Y-%m-%d %H:%M} UTC, tried {one.tries} times"
            f"{': ' if one.reason else ''}{one.reason}",
        )
        for one in stuck
    ]
    return Findings.of(len(found), found)


def quarantined_notices(database: Database, *, at: datetime) -> Findings:
    """Every notice of the last week was about a payment of ours."""
    with database.transaction() as connection:
        kept = inbox.quarantined(connection, limit=MOST)
    found = [
        Offender(f"notice {one.id} of {one.subject}", one.reason)
        for one in kept
        if one.received_at >= at - LOOKED_BACK
    ]
    return Findings.of(len(found), found)


def open_questions(database: Database) -> Findings:
    """No order waits for a person's decision."""
    with database.transaction() as connection:
        found = [
            Offender(raised.order_code, f"{raised.flag}: {raised.message}")
            for _, event_id in _events(connection)
            for raised in flag_queries.still_open(connection, event_id)
        ]
    return Findings.of(len(found), found)


def _events(connection: Connection) -> Iterable[tuple[str, int]]:
    return [(event.slug, event.id) for event in event_queries.everything(connection)]
