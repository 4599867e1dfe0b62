"""Compare all orders with the replay of their facts, in one snapshot and with constant memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, RowMapping

from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnreadableNotification
from ticketing.selling.payments.midtrans.notification import parse_notification
from ticketing.selling.rebuild import fact_queries
from ticketing.selling.rebuild.fact_queries import OrderRow
from ticketing.selling.rebuild.replay import (
    AttemptFacts,
    Booking,
    Difference,
    OrderFacts,
    RecordedOrder,
    ReplayedAttempt,
    Report,
    list_differences,
    replay,
)

PAGE_SIZE = 500
_ORDER_KINDS = {f"order.{state}": state for state in OrderState if state is not OrderState.PENDING}
_CAPTURED = "payment.captured"
_REFUNDED = "order.refunded"
_MONEY_KINDS = {_CAPTURED, "payment.reversed", "payment.charged_back", _REFUNDED}


@dataclass(slots=True)
class RebuildCheck:
    """The running counts of a check.

    `unproven` are payments that only the ledger knows: from the gateway's answer to a question, or
    from the box office.
    """

    orders: int = 0
    notifications: int = 0
    unreadable: int = 0
    unproven: int = 0
    differences: int = 0
    places: Counter[tuple[int, OrderState]] = field(default_factory=Counter)


def check_orders(
    database: Database, event_id: int | None, result: RebuildCheck
) -> Iterator[Difference]:
    """Yield every difference, and count in `result`; nothing is written.

    A snapshot is open during the iteration: exhaust or close the iterator.
    """
    with database.snapshot() as connection:
        after = 0
        while page := fact_queries.list_orders(connection, event_id, after=after, limit=PAGE_SIZE):
            yield from _count(result, _check_page(connection, page, result))
            after = page[-1].id
        stock = fact_queries.list_stock(connection, event_id)
        yield from _count(result, _check_stock(stock, result))


def _count(result: RebuildCheck, found: Iterator[Difference]) -> Iterator[Difference]:
    for difference in found:
        result.differences += 1
        yield difference


def _check_page(
    connection: Connection, page: Sequence[OrderRow], result: RebuildCheck
) -> Iterator[Difference]:
    ids = [order.id for order in page]
    attempts = fact_queries.list_attempts(connection, ids)
    notifications = fact_queries.list_notifications(connection, ids)
    ledger = fact_queries.list_ledger(connection, ids)
    instalments = fact_queries.list_instalments(connection, ids)
    lines = fact_queries.list_lines(connection, ids)
    for order in page:
        known, notified = attempts.get(order.id, []), notifications.get(order.id, [])
        reports = [one for one in map(_read_notification, notified) if one is not None]
        booked = _in_order(ledger.get(order.id, []))
        replayed = replay(
            OrderFacts(
                total=order.total,
                attempts=[_attempt_facts(one) for one in known],
                notified=reports,
                booked=list(_booked_reports(booked, known)),
                bookings=list(_bookings(booked)),
                instalments=frozenset(one["sequence"] for one in instalments.get(order.id, [])),
                event_cancelled_at=order.event_cancelled_at,
            )
        )
        result.orders += 1
        result.notifications += len(reports)
        result.unreadable += len(notified) - len(reports)
        result.unproven += len(replayed.unproven)
        for line in lines.get(order.id, []):
            result.places[line["ticket_type_id"], replayed.state] += line["places"]
        recorded = RecordedOrder(order.code, order.state, _recorded_attempts(known))
        yield from list_differences(recorded, replayed, {one["id"]: one["key"] for one in known})


def _attempt_facts(row: RowMapping) -> AttemptFacts:
    requested = row["amount"] if row["requested_amount"] is None else row["requested_amount"]
    return AttemptFacts(
        row["id"], row["key"], requested, row["refunds_done"], row["instalment_sequence"]
    )


def _recorded_attempts(rows: Sequence[RowMapping]) -> dict[int, ReplayedAttempt]:
    return {
        row["id"]: ReplayedAttempt(
            AttemptState(row["state"]), row["amount"], max(row["refunded"], row["refunds_done"])
        )
        for row in rows
    }


def _read_notification(row: RowMapping) -> Report | None:
    """Return what a notification says, None for one that only made us ask the gateway."""
    with suppress(UnreadableNotification):
        status = parse_notification(row["body"]).payment_status
        return Report(
            row["processed_at"], row["attempt_id"], status.state, status.amount.amount,
            status.refunded.amount, status.transaction_id,
        )  # fmt: skip
    return None


def _in_order(ledger: Sequence[RowMapping]) -> list[dict[str, Any]]:
    """Return the entries with times that never go back: ids are given when things happen."""
    times = accumulate((row["at"] for row in ledger), max)
    return [dict(row, at=at) for row, at in zip(ledger, times, strict=True)]


def _booked_reports(
    ledger: Sequence[dict[str, Any]], attempts: Sequence[RowMapping]
) -> Iterator[Report]:
    """Yield what the ledger says about attempts; the amount is the captured one."""
    captured = {row["attempt_id"]: row["money"] for row in ledger if row["kind"] == _CAPTURED}
    refunded = Counter({row["id"]: -row["refunded_manually"] for row in attempts})
    for row in ledger:
        attempt_id = row["attempt_id"]
        if row["kind"] == _REFUNDED:
            refunded[attempt_id] -= row["money"]
        if row["actor"] and row["kind"] in _MONEY_KINDS and attempt_id in captured:
            state, amount = AttemptState(row["details"]["state"]), captured[attempt_id]
            total = max(0, refunded[attempt_id])
            yield Report(row["at"], attempt_id, state, amount, total, entry=row["id"])


def _bookings(ledger: Sequence[dict[str, Any]]) -> Iterator[Booking]:
    for row in ledger:
        if row["kind"] in _ORDER_KINDS:
            yield Booking(row["at"], _ORDER_KINDS[row["kind"]], bool(row["actor"]), row["id"])


def _check_stock(
    stock: Sequence[tuple[int, str, int, int]], result: RebuildCheck
) -> Iterator[Difference]:
    for type_id, name, *counters in stock:
        for state, found in zip((OrderState.PENDING, OrderState.PAID), counters, strict=True):
            expected = result.places[type_id, state]
            if expected != found:
                yield Difference(name, f"places of {state} orders", str(expected), str(found))
