"""What voucher purchases add up to: the figures of a dashboard. Rates are domain/voucher_rates.py.

A span asks for the purchases placed in it; what waits, and the routers, are as they are now.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    true,
)

from ticketing.monitoring.purchase_queries import HANDED_OVER, UNSERVED, purchases, state_of, tally
from ticketing.monitoring.rates import Handover
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.sales import order_lines, orders, outbox, ticket_types
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.platform.kernel.time_span import Span
from ticketing.vouchers.model import PurchaseState, VoucherState

_TAKEN_BACK = ("refunded", "reversed")


class StateFigures(NamedTuple):
    """Purchases in one state, and their money."""

    state: PurchaseState
    purchases: int
    vouchers: int
    total: int
    refunded: int


class PackageSold(NamedTuple):
    """What was paid for of one package; `gross` is before discounts and refunds."""

    code: str
    name: str
    profile: str
    purchases: int
    vouchers: int
    gross: int


class Since(NamedTuple):
    """How many wait, and since when the longest of them."""

    waiting: int
    oldest: datetime | None


class OnRouter(NamedTuple):
    """Vouchers of one state on one router."""

    router_id: int
    state: VoucherState
    vouchers: int


def by_state(connection: Connection, event_id: int | None, span: Span) -> list[StateFigures]:
    """The purchases that were placed in the span."""
    wanted = (span.has(orders.c.created_at), *of_event(event_id))
    counted = tally(*wanted, one_by_one=False)
    state = state_of(counted).label("state")
    placed = (
        purchases(
            counted, state, counted.ordered.c.ordered, orders.c.total, orders.c.refunded
        )
        .where(*wanted)
        .subquery("placed")
    )  # fmt: skip
    columns = (placed.c.ordered, placed.c.total, placed.c.refunded)
    query = select(placed.c.state, func.count(), *map(in_all, columns)).group_by(placed.c.state)
    return [StateFigures(PurchaseState(name), *more) for name, *more in connection.execute(query)]


def packages_sold(connection: Connection, event_id: int | None, span: Span) -> list[PackageSold]:
    """What was paid for in the span, the best sold first."""
    gross = in_all(order_lines.c.quantity * order_lines.c.price)
    query = (
        select(
            packages.c.code,
            ticket_types.c.name,
            packages.c.profile,
            func.count(),
            in_all(order_lines.c.quantity),
            gross,
        )
        .select_from(order_lines)
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .join(ticket_types, ticket_types.c.id == packages.c.ticket_type_id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.state == OrderState.PAID, span.has(orders.c.paid_at), *of_event(event_id))
        .group_by(packages.c.ticket_type_id, ticket_types.c.id)
        .order_by(gross.desc(), packages.c.code)
    )
    return [PackageSold(*row) for row in connection.execute(query)]


def handover(
    connection: Connection, event_id: int | None, span: Span, *, due_before: datetime
) -> Handover:
    """Of what was paid for in the span: due before then, lost of it, ready, and received."""
    wanted = (
        orders.c.state == OrderState.PAID, span.has(orders.c.paid_at), *of_event(event_id)
    )  # fmt: skip
    counted = tally(*wanted, one_by_one=False)
    told, excused = _told(wanted), _excused()
    owed = counted.ordered.c.ordered - func.coalesce(excused.c.vouchers, 0)
    was_told = func.coalesce(told.c.received, false())
    is_due = orders.c.paid_at < due_before
    query = (
        purchases(
            counted,
            in_all(owed, is_due),
            in_all(owed, and_(is_due, ~was_told)),
            func.count().filter(told.c.order_id.is_not(None)),
            func.count().filter(was_told),
        )
        .outerjoin(told, told.c.order_id == orders.c.id)
        .outerjoin(excused, excused.c.order_id == orders.c.id)
        .where(*wanted)
    )
    return Handover(*connection.execute(query).one())


def _told(wanted: Sequence[ColumnElement[bool]]) -> FromClause:
    """Purchases of which somebody was to be told, and whether a vendor has taken the message."""
    received = func.bool_or(deliveries.c.state.in_(HANDED_OVER)).label("received")
    return (
        select(orders.c.id.label("order_id"), received)
        .join(outbox, and_(outbox.c.purpose == VOUCHERS, outbox.c.subject == orders.c.code))
        .outerjoin(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(*wanted)
        .group_by(orders.c.id)
        .subquery("told")
    )


def _excused() -> FromClause:
    """Vouchers that ended because the money went back."""
    return (
        select(order_lines.c.order_id, func.count().label("vouchers"))
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(vouchers.c.ending_why.in_(_TAKEN_BACK))
        .group_by(order_lines.c.order_id)
        .subquery("excused")
    )


def waiting_for_routers(connection: Connection, event_id: int | None) -> Since:
    """Vouchers that are paid for and not on their routers."""
    query = (
        select(func.count(), func.min(vouchers.c.sold_at))
        .select_from(vouchers)
        .join(ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id)
        .where(
            vouchers.c.state.in_(UNSERVED),
            vouchers.c.order_line_id.is_not(None),
            *([] if event_id is None else [ticket_types.c.event_id == event_id]),
        )
    )
    return Since(*connection.execute(query).one())


def waiting_for_channels(connection: Connection, event_id: int | None) -> Since:
    """Messages with codes that no vendor has taken, and that did not fail for good."""
    is_moving = or_(
        outbox.c.taken_at.is_(None),
        deliveries.c.next_try.is_not(None),
        deliveries.c.claimed_at.is_not(None),
    )
    query = (
        select(func.count(), func.min(outbox.c.created_at))
        .select_from(outbox)
        .outerjoin(deliveries, deliveries.c.outbox_id == outbox.c.id)
        .where(outbox.c.purpose == VOUCHERS, is_moving)
    )
    if event_id is not None:
        query = query.where(outbox.c.event_id == event_id)
    return Since(*connection.execute(query).one())


def messages(connection: Connection, event_id: int | None) -> dict[DeliveryState, int]:
    """All messages with codes, by how far each has come."""
    query = (
        select(deliveries.c.state, func.count())
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS)
        .group_by(deliveries.c.state)
    )
    if event_id is not None:
        query = query.where(outbox.c.event_id == event_id)
    return {DeliveryState(state): number for state, number in connection.execute(query)}


def on_routers(connection: Connection, event_id: int | None) -> list[OnRouter]:
    """All vouchers by router and state, those made ahead too."""
    query = select(vouchers.c.router_id, vouchers.c.state, func.count()).group_by(
        vouchers.c.router_id, vouchers.c.state
    )
    if event_id is not None:
        query = query.join(
            ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id
        ).where(ticket_types.c.event_id == event_id)  # fmt: skip
    return [
        OnRouter(router_id, VoucherState(state), number)
        for router_id, state, number in connection.execute(query)
    ]


def of_event(event_id: int | None) -> Sequence[ColumnElement[bool]]:
    """Orders of one event, or of all."""
    return [true() if event_id is None else orders.c.event_id == event_id]


def in_all(
    column: ColumnElement[Any], where: ColumnElement[bool] | None = None
) -> ColumnElement[int]:
    """The sum as a whole number; nought of nothing."""
    summed = func.sum(column)
    return cast(func.coalesce(summed if where is None else summed.filter(where), 0), BigInteger)
