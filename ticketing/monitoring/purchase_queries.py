"""Voucher purchases as an operator looks at them. What they add up to is in voucher_figures.py.

A purchase is an order with a package in it; its number is the order's.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    case,
    exists,
    func,
    literal,
    select,
    true,
)

from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.db.outbox import VOUCHERS
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.sales import order_lines, orders, outbox, ticket_types
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.platform.kernel.money import Rupiah
from ticketing.vouchers.model import PurchaseState, VoucherState

UNSERVED = (VoucherState.OWED, VoucherState.ASKED)
HANDED_OVER = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which purchases are wanted; what is None does not matter."""

    status: PurchaseState | None = None
    order_state: OrderState | None = None
    event_id: int | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None


class PackageBought(NamedTuple):
    """So many vouchers of a package."""

    code: str
    name: str
    profile: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase as it stands. `delivery` is how far the message with its codes has come."""

    id: int
    code: str
    event_id: int
    state: PurchaseState
    order_state: OrderState
    buyer_name: str
    buyer_phone: str = field(repr=False)
    total: Rupiah
    refunded: Rupiah
    created_at: datetime
    paid_at: datetime | None
    ordered: int
    served: int
    delivery: DeliveryState | None
    packages: tuple[PackageBought, ...]


class Tally(NamedTuple):
    """An order's packages and vouchers, counted: one row an order."""

    ordered: FromClause  # order_id, ordered
    made: FromClause  # order_id, served, gave_up; none for an order without vouchers


def tally(*conditions: ColumnElement[bool], one_by_one: bool) -> Tally:
    """Counted for each order as it comes, for a page of them; or in one go, all that are wanted.

    The conditions are on `orders`, and only spare counting the others.
    """
    ordered = (
        select(order_lines.c.order_id, func.sum(order_lines.c.quantity).label("ordered"))
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .group_by(order_lines.c.order_id)
    )
    made = (
        select(
            order_lines.c.order_id,
            func.count().filter(vouchers.c.state.not_in(UNSERVED)).label("served"),
            (func.count(vouchers.c.gave_up_at) > 0).label("gave_up"),
        )
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .group_by(order_lines.c.order_id)
    )
    if not one_by_one:
        if conditions:
            wanted = order_lines.c.order_id.in_(select(orders.c.id).where(*conditions))
            ordered, made = ordered.where(wanted), made.where(wanted)
        return Tally(ordered.subquery("ordered"), made.subquery("made"))
    its_own = order_lines.c.order_id == orders.c.id
    return Tally(ordered.where(its_own).lateral("ordered"), made.where(its_own).lateral("made"))


def state_of(counted: Tally) -> ColumnElement[str]:
    """`domain.vouchers.purchase_state`, said in SQL."""
    served = func.coalesce(counted.made.c.served, 0)
    return case(
        (orders.c.state == OrderState.PENDING, literal(PurchaseState.PENDING.value)),
        (orders.c.state != OrderState.PAID, literal(PurchaseState.FAILED.value)),
        (served >= counted.ordered.c.ordered, literal(PurchaseState.COMPLETED.value)),
        (
            func.coalesce(counted.made.c.gave_up, False),
            literal(PurchaseState.VOUCHER_GENERATION_FAILED.value),
        ),
        else_=literal(PurchaseState.PENDING.value),
    )


def purchases(counted: Tally, *columns: ColumnElement[Any]) -> Select[Any]:
    """These columns of every order that has a package in it."""
    return (
        select(*columns)
        .select_from(orders)
        .join(counted.ordered, counted.ordered.c.order_id == orders.c.id)
        .outerjoin(counted.made, counted.made.c.order_id == orders.c.id)
    )


_COLUMNS = (
    orders.c.id,
    orders.c.code,
    orders.c.event_id,
    orders.c.state,
    orders.c.buyer_name,
    orders.c.buyer_phone,
    orders.c.total,
    orders.c.refunded,
    orders.c.created_at,
    orders.c.paid_at,
)


def page(connection: Connection, asked: Asked, *, limit: int, offset: int) -> list[Purchase]:
    """Some of the purchases asked for, the newest first."""
    if asked.status is None:  # nothing is counted of those before the page
        query = select(orders.c.id).where(_HAS_PACKAGE)
    else:
        query = purchases(_ONE_BY_ONE, orders.c.id)
    wanted = query.where(*_conditions(asked, _ONE_BY_ONE)).order_by(orders.c.id.desc())
    ids = connection.execute(wanted.limit(limit).offset(offset)).scalars().all()
    return find(connection, orders.c.id.in_(ids))


def count(connection: Connection, asked: Asked) -> int:
    """How many purchases there are of those asked for."""
    if asked.status is None:
        query = select(func.count()).select_from(orders).where(_HAS_PACKAGE)
        counted = _ONE_BY_ONE  # of no interest: how many orders there are is all
    else:
        counted = tally(one_by_one=False)
        query = purchases(counted, func.count())
    return int(connection.execute(query.where(*_conditions(asked, counted))).scalar_one())


def find(
    connection: Connection,
    *conditions: ColumnElement[bool],
    limit: int | None = None,
    offset: int = 0,
) -> list[Purchase]:
    """Purchases of whose order all of that is so, the newest first."""
    return _purchases(connection, _shown(conditions), limit, offset)


def of_order(connection: Connection, order_id: int) -> Purchase | None:
    """The purchase of that number; None when there is none, or the order has no package in it."""
    return next(iter(find(connection, orders.c.id == order_id)), None)


_ONE_BY_ONE = tally(one_by_one=True)
_HAS_PACKAGE = exists().where(
    order_lines.c.order_id == orders.c.id,
    packages.c.ticket_type_id == order_lines.c.ticket_type_id,
)


def _shown(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    made = _ONE_BY_ONE.made.c
    columns = (
        *_COLUMNS,
        state_of(_ONE_BY_ONE).label("purchase_state"),
        _ONE_BY_ONE.ordered.c.ordered,
        func.coalesce(made.served, 0).label("served"),
        _furthest().label("delivery"),
    )
    query = purchases(_ONE_BY_ONE, *columns).where(*conditions)
    return query.order_by(orders.c.id.desc())


def _conditions(asked: Asked, counted: Tally) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [true()]
    if asked.status is not None:
        conditions.append(state_of(counted) == asked.status)
    if asked.order_state is not None:
        conditions.append(orders.c.state == asked.order_state)
    if asked.event_id is not None:
        conditions.append(orders.c.event_id == asked.event_id)
    if asked.placed_from is not None:
        conditions.append(orders.c.created_at >= asked.placed_from)
    if asked.placed_before is not None:
        conditions.append(orders.c.created_at < asked.placed_before)
    return conditions


def _furthest() -> ColumnElement[Any]:
    """The state of the newest delivery of a purchase's codes: a later channel took over."""
    return (
        select(deliveries.c.state)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(outbox.c.purpose == VOUCHERS, outbox.c.subject == orders.c.code)
        .order_by(deliveries.c.id.desc())
        .limit(1)
        .correlate(orders)
        .scalar_subquery()
    )


def _purchases(
    connection: Connection, query: Select[Any], limit: int | None = None, offset: int = 0
) -> list[Purchase]:
    rows = connection.execute(query.limit(limit).offset(offset)).all()
    bought = _bought(connection, [row.id for row in rows])
    return [_purchase(row, bought[row.id]) for row in rows]


def _bought(connection: Connection, order_ids: Sequence[int]) -> dict[int, list[PackageBought]]:
    query = (
        select(
            order_lines.c.order_id,
            packages.c.code,
            ticket_types.c.name,
            packages.c.profile,
            order_lines.c.quantity,
        )
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id.in_(order_ids))
        .order_by(order_lines.c.id)
    )
    found: dict[int, list[PackageBought]] = defaultdict(list)
    for order_id, *bought in connection.execute(query):
        found[order_id].append(PackageBought(*bought))
    return found


def _purchase(row: Row[*tuple[Any, ...]], bought: Sequence[PackageBought]) -> Purchase:
    return Purchase(
        id=row.id,
        code=row.code,
        event_id=row.event_id,
        state=PurchaseState(row.purchase_state),
        order_state=OrderState(row.state),
        buyer_name=row.buyer_name,
        buyer_phone=row.buyer_phone,
        total=Rupiah(row.total),
        refunded=Rupiah(row.refunded),
        created_at=row.created_at,
        paid_at=row.paid_at,
        ordered=int(row.ordered),
        served=row.served,
        delivery=None if row.delivery is None else DeliveryState(row.delivery),
        packages=tuple(bought),
    )
