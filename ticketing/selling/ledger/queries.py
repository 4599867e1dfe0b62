"""Queries for the ledger, and its comparison with orders and payments.

Nothing here writes: database triggers add the entries, so that no change is without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, literal, select

from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState, PaymentMeans
from ticketing.orders.refund import RefundChannel, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.kernel.invariant import InvariantResult, Violation
from ticketing.selling.ledger.model import LedgerEntry, LedgerEntryKind, LedgerTotals

COLUMNS = (
    order_ledger.c.id,
    events.c.slug,
    orders.c.code,
    *order_ledger.c["kind", "at", "recorded_at", "actor", "subject", "sale", "money", "details"],
)
_LOST = (AttemptState.REVERSED, AttemptState.CHARGED_BACK)
_TAKEN = [state for state in AttemptState if state.has_taken_money]


@dataclass(frozen=True, slots=True)
class LedgerMismatch:
    """A difference between the ledger and an order or payment. Amounts are signed rupiah."""

    subject: str
    aspect: str
    booked: str
    actual: str


def entry_from_row(row: Sequence[Any]) -> LedgerEntry:
    """Return the entry from a row that begins with `COLUMNS`."""
    number, slug, code, kind, *rest = row[: len(COLUMNS)]
    return LedgerEntry(number, slug, code, LedgerEntryKind(kind), *rest)


def join_order_and_event(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Join the order and the event to a query over entries."""
    return query.join(orders, orders.c.id == order_ledger.c.order_id).join(
        events, events.c.id == order_ledger.c.event_id
    )


def list_for_order(connection: Connection, order_id: int) -> list[LedgerEntry]:
    """Return the entries of an order, oldest first."""
    query = join_order_and_event(select(*COLUMNS).select_from(order_ledger))
    rows = connection.execute(
        query.where(order_ledger.c.order_id == order_id).order_by(order_ledger.c.id)
    )
    return [entry_from_row(row) for row in rows]


def list_for_event(
    connection: Connection,
    event_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[LedgerEntry]:
    """Return the entries of an event from `since` on and before `until`, oldest first.

    Entries of another payment environment are left out: production has none of a rehearsal.
    """
    query = join_order_and_event(select(*COLUMNS).select_from(order_ledger))
    rows = connection.execute(
        query.where(*_in_period(event_id, since, until)).order_by(order_ledger.c.id)
    )
    return [entry_from_row(row) for row in rows]


def sum_by_kind(
    connection: Connection,
    event_id: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[LedgerEntryKind, LedgerTotals]:
    """Return the sums of the same entries by kind."""
    rows = connection.execute(
        select(
            order_ledger.c.kind,
            func.count(),
            func.sum(order_ledger.c.sale),
            func.sum(order_ledger.c.money),
        )
        .join(orders, orders.c.id == order_ledger.c.order_id)
        .where(*_in_period(event_id, since, until))
        .group_by(order_ledger.c.kind)
    )
    known = {LedgerEntryKind(kind): LedgerTotals(*map(int, sums)) for kind, *sums in rows}
    return {kind: known[kind] for kind in LedgerEntryKind if kind in known}


def sum_money_by_means(
    connection: Connection,
    *,
    event_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[PaymentMeans, LedgerTotals]:
    """Return the sums of the entries about money by means of payment, of an event or of all."""
    rows = connection.execute(
        select(
            payment_attempts.c.means,
            func.count(),
            func.sum(order_ledger.c.sale),
            func.sum(order_ledger.c.money),
        )
        .join(order_ledger, order_ledger.c.attempt_id == payment_attempts.c.id)
        .join(orders, orders.c.id == order_ledger.c.order_id)
        .where(*_in_period(event_id, since, until))
        .group_by(payment_attempts.c.means)
    )
    known = {PaymentMeans(means): LedgerTotals(*map(int, sums)) for means, *sums in rows}
    return {means: known[means] for means in PaymentMeans if means in known}


def _in_period(
    event_id: int | None, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    conditions = [is_of_this_environment()]
    if event_id is not None:
        conditions.append(order_ledger.c.event_id == event_id)
    if since is not None:
        conditions.append(order_ledger.c.at >= since)
    if until is not None:
        conditions.append(order_ledger.c.at < until)
    return conditions


def count_orders(connection: Connection) -> int:
    """Return the number of orders."""
    return connection.execute(select(func.count()).select_from(orders)).scalar_one()


def list_mismatches(connection: Connection, *, limit: int) -> list[LedgerMismatch]:
    """Return the differences between the ledger and orders, payments and refunds."""
    found = [
        LedgerMismatch(subject, what, str(booked), str(real))
        for query in (_sale_mismatches(), _state_mismatches(), _money_mismatches())
        for subject, what, booked, real in connection.execute(query.limit(limit))
    ]
    return found[:limit]


def _sale_mismatches() -> Select[str, str, int, int]:
    """Select the orders with a different value."""
    in_force = orders.c.state.in_((OrderState.PENDING, OrderState.PAID))
    actual = case((in_force, orders.c.total + orders.c.accepted_difference), else_=0)
    booked = func.coalesce(func.sum(order_ledger.c.sale), 0)
    return (
        select(orders.c.code, literal("worth"), booked, actual)
        .outerjoin(order_ledger, order_ledger.c.order_id == orders.c.id)
        .group_by(orders.c.id)
        .having(booked != actual)
        .order_by(orders.c.id)
    )


def _state_mismatches() -> Select[str, str, str, str]:
    """Select the orders with a state other than that of their last entry."""
    moves = [f"order.{state}" for state in OrderState if state is not OrderState.PENDING]
    last = (
        select(order_ledger.c.kind)
        .where(
            order_ledger.c.order_id == orders.c.id,
            order_ledger.c.kind.in_([LedgerEntryKind.PLACED, *moves]),
        )
        .order_by(order_ledger.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    placed = orders.c.state == OrderState.PENDING
    actual = case((placed, LedgerEntryKind.PLACED.value), else_=literal("order.") + orders.c.state)
    booked = func.coalesce(last, "nothing")
    return (
        select(orders.c.code, literal("state"), booked, actual)
        .where(booked != actual)
        .order_by(orders.c.id)
    )


def _money_mismatches() -> Select[str, str, int, int]:
    """Select the payment attempts with a different remaining amount."""
    done = and_(refunds.c.attempt_id == payment_attempts.c.id, refunds.c.state == RefundState.DONE)
    by_hand, by_gateway = (
        select(func.coalesce(func.sum(refunds.c.amount), 0)).where(done, way).scalar_subquery()
        for way in (
            refunds.c.channel == RefundChannel.MANUAL,
            refunds.c.channel != RefundChannel.MANUAL,
        )
    )
    refunded = func.greatest(payment_attempts.c.refunded, by_gateway)
    left = payment_attempts.c.amount - func.least(payment_attempts.c.amount, refunded)
    actual = case(
        (payment_attempts.c.state.not_in(_TAKEN), 0),
        (payment_attempts.c.state.in_(_LOST), -by_hand),
        else_=left - by_hand,
    )
    booked = (
        select(func.coalesce(func.sum(order_ledger.c.money), 0))
        .where(
            order_ledger.c.order_id == payment_attempts.c.order_id,
            order_ledger.c.attempt_id == payment_attempts.c.id,
        )
        .scalar_subquery()
    )
    return (
        select(payment_attempts.c.key, literal("money"), booked, actual)
        .where(booked != actual)
        .order_by(payment_attempts.c.id)
    )


MAX_MISMATCHES = 1000


def check_ledger_matches_sales(database: Database) -> InvariantResult:
    """Check that every order and every payment is recorded in the ledger correctly."""
    with database.transaction() as connection:
        total = count_orders(connection)
        found = list_mismatches(connection, limit=MAX_MISMATCHES)
    return InvariantResult.from_violations(
        total,
        (
            Violation(one.subject, f"{one.aspect}: booked {one.booked}, and it is {one.actual}")
            for one in found
        ),
    )
