"""Comparison of the gateway's payments with our orders: each payment has tickets or one flag."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from simulators.midtrans.transaction import Transaction
from ticketing.catalogue import promo_queries, stock_queries
from ticketing.platform.db.database import Database

CAPTURED_STATES = {"capture", "settlement"}


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """Snapshot of our database by order."""

    orders: dict[int, tuple[str, int, str]]  # state, total, key of the attempt that paid
    attempts: dict[str, int]  # order by key
    places: dict[int, int]  # by order, for which tickets exist
    tickets: dict[int, list[str]]  # live tickets: path of the PDF, empty without one
    open_flags: dict[int, set[str]]  # open flags by order
    unhandled_count: int
    quarantined_count: int
    counter_errors: list[str]


def read_snapshot(database: Database, event_ids: Iterable[int]) -> PaymentSnapshot:
    """Read the snapshot in one transaction; no other process writes any more."""
    with database.transaction() as connection:
        unsolved = connection.execute(_UNSOLVED_NOTIFICATIONS).one()
        return PaymentSnapshot(
            orders={
                row.id: (row.state, row.total, row.paid_by or "")
                for row in connection.execute(_ORDERS)
            },
            attempts={row.key: row.order_id for row in connection.execute(_ATTEMPTS)},
            places={row.order_id: int(row.places) for row in connection.execute(_PLACES)},
            tickets=_group_by_order(connection.execute(_TICKETS)),
            open_flags={
                order: set(flags)
                for order, flags in _group_by_order(connection.execute(_FLAGS)).items()
            },
            unhandled_count=unsolved.unhandled,
            quarantined_count=unsolved.quarantined,
            counter_errors=[each for one in event_ids for each in _wrong_counts(connection, one)],
        )


def find_violations(
    snapshot: PaymentSnapshot,
    payments: Iterable[Transaction],
    *,
    confirmed_order_ids: Iterable[int],
    documents: Path,
) -> Iterator[str]:
    """Yield a description of every violation."""
    held = {each.order_id: each.amount for each in payments if each.state in CAPTURED_STATES}
    yield from (
        f"order {each} was confirmed but does not exist"
        for each in set(confirmed_order_ids) - {*snapshot.orders}
    )
    yield from _money_violations(snapshot, held)
    yield from _order_violations(snapshot, held)
    yield from _ticket_violations(snapshot, documents)
    yield from snapshot.counter_errors
    if snapshot.unhandled_count:
        yield f"{snapshot.unhandled_count} notifications were not processed"
    if snapshot.quarantined_count:
        yield f"{snapshot.quarantined_count} notifications belong to no payment"


def _money_violations(snapshot: PaymentSnapshot, held: dict[str, int]) -> Iterator[str]:
    for key, amount in held.items():
        order = snapshot.attempts.get(key)
        if order is None:
            yield f"{key}: Rp{amount} for an unknown payment attempt"
            continue
        state, _, paid_by = snapshot.orders[order]
        pays = state == "paid" and paid_by == key
        if not pays and not snapshot.open_flags.get(order):
            yield f"{key}: Rp{amount} without tickets or review flag; its order is {state}"


def _order_violations(snapshot: PaymentSnapshot, held: dict[str, int]) -> Iterator[str]:
    for order, (state, total, paid_by) in snapshot.orders.items():
        flags = snapshot.open_flags.get(order, set())
        # a transaction that only answers under an id of which no notification has told: for staff
        if state == "pending" and "stuck" not in flags:
            named = ", ".join(sorted(flags)) or "none"
            yield f"order {order} still reserves its places; its open flags: {named}"
        if state == "paid" and total and held.get(paid_by) != total:
            yield f"order {order}: paid says {paid_by or 'nobody'}, with Rp{held.get(paid_by)}"


def _ticket_violations(snapshot: PaymentSnapshot, documents: Path) -> Iterator[str]:
    for order, (state, _, _) in snapshot.orders.items():
        paths = snapshot.tickets.get(order, [])
        expected = snapshot.places[order] if state == "paid" else 0
        if len(paths) != expected:
            yield f"order {order} is {state}: {len(paths)} tickets, not {expected}"
        missing = [path for path in paths if not path or not (documents / path).is_file()]
        if missing:
            yield f"order {order}: {len(missing)} tickets without PDF"


def _wrong_counts(connection: Connection, event_id: int) -> list[str]:
    drifted = [
        f"wrong stock counts: {drift}" for drift in stock_queries.list_drifted(connection, event_id)
    ]
    codes = promo_queries.list_miscounted_codes(connection, event_id)
    return [*drifted, *(f"promo code {code} has a wrong count" for code in codes)]


def _group_by_order(rows: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found = defaultdict(list)
    for order, value in rows:
        found[order].append(value or "")
    return dict(found)


def summarise(snapshot: PaymentSnapshot, payments: Iterable[Transaction]) -> dict[str, object]:
    """Return the figures of the report."""
    return {
        "orders": dict(Counter(state for state, _, _ in snapshot.orders.values())),
        "payments": dict(Counter(each.state for each in payments)),
        "tickets": sum(map(len, snapshot.tickets.values())),
        "questions": dict(
            Counter(flag for flags in snapshot.open_flags.values() for flag in flags)
        ),
    }


# plain SQL instead of the application's queries, to be independent of the tested code
_ORDERS = text(
    "SELECT o.id, o.state, o.total, a.key AS paid_by"
    " FROM orders o LEFT JOIN payment_attempts a ON a.id = o.paid_attempt_id"
)
_ATTEMPTS = text("SELECT key, order_id FROM payment_attempts")
_PLACES = text(
    "SELECT order_id, coalesce(sum(quantity) FILTER (WHERE p.ticket_type_id IS NULL), 0) AS places"
    " FROM order_lines LEFT JOIN packages p USING (ticket_type_id) GROUP BY order_id"
)
_TICKETS = text(
    "SELECT l.order_id, t.pdf_file_path FROM order_lines l"
    " JOIN order_positions p ON p.order_line_id = l.id"
    " JOIN generated_tickets t ON t.entitlement_id = p.entitlement_id AND t.state = 'live'"
)
_FLAGS = text("SELECT order_id, flag FROM order_review_flags WHERE resolved_at IS NULL")
# while an order is flagged as stuck, staff answer for its notifications
_UNSOLVED_NOTIFICATIONS = text(
    "SELECT count(*) FILTER (WHERE processed_at IS NULL) AS unhandled,"
    " count(*) FILTER (WHERE outcome = 'quarantined') AS quarantined"
    " FROM inbound_webhooks w WHERE NOT EXISTS"
    " (SELECT FROM payment_attempts a JOIN order_review_flags f USING (order_id)"
    " WHERE a.key = w.external_reference AND f.flag = 'stuck' AND f.resolved_at IS NULL)"
)
