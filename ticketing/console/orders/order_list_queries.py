"""Queries of the list of orders: by reference, by contact or name, by state, newest first."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select

from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import order_lines, order_review_flags, orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.kernel.money import Rupiah

PAGE = 50
# an order, one of its payment attempts, or one of its refunds
_REFERENCE = re.compile(r"(ORD-[0-9A-Z]{12})(-\d+(-R\d+)?)?", re.IGNORECASE)
_PHONE = re.compile(r"\+?[\d ().-]{4,}")
_OPEN_FLAG = and_(
    order_review_flags.c.order_id == orders.c.id, order_review_flags.c.resolved_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders are listed. `text` is a reference, or parts of a name or contact."""

    text: str = ""
    state: OrderState | None = None
    flagged: bool = False
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order in the list, with its open review flags."""

    id: int
    code: str
    state: OrderState
    total: Rupiah
    refunded: Rupiah
    places: int
    buyer: str
    contact: str
    created_at: datetime
    event: str
    time_zone: str
    flags: tuple[ReviewFlag, ...]


def list_orders(
    connection: Connection,
    wanted: OrderFilter,
    *,
    only: Collection[int] | None,
    before: int | None,
) -> list[ListedOrder]:
    """Return a page of orders and one more, newest first, older than the order with id `before`.

    `only` are the events that the caller may see; None is all.
    """
    places = (
        select(func.sum(order_lines.c.quantity - order_lines.c.returned))
        .where(order_lines.c.order_id == orders.c.id)
        .scalar_subquery()
    )
    flags = select(func.array_agg(order_review_flags.c.flag)).where(_OPEN_FLAG).scalar_subquery()
    conditions = list(_conditions(connection, wanted))
    if only is not None:
        conditions.append(orders.c.event_id.in_(only))
    if before is not None:
        conditions.append(orders.c.id < before)
    query = (
        select(
            *orders.c["id", "code", "state", "total", "refunded"], places,
            orders.c.buyer_name,
            func.coalesce(func.nullif(orders.c.buyer_email, ""), orders.c.buyer_phone),
            orders.c.created_at, events.c.name, events.c.time_zone, flags,
        )
        .join(events, events.c.id == orders.c.event_id)
        .where(*conditions)
        .order_by(orders.c.id.desc())
        .limit(PAGE + 1)
    )  # fmt: skip
    return [_to_row(row) for row in connection.execute(query)]


def _to_row(row: Sequence[Any]) -> ListedOrder:
    number, code, state, total, refunded, places, buyer, contact, at, event, zone, flags = row
    return ListedOrder(
        number, code, OrderState(state), Rupiah(total), Rupiah(refunded), int(places or 0), buyer,
        contact, at, event, zone, tuple(sorted(ReviewFlag(flag) for flag in flags or ())),
    )  # fmt: skip


def _conditions(connection: Connection, wanted: OrderFilter) -> list[ColumnElement[bool]]:
    conditions = [_matches(connection, wanted.text.strip())] if wanted.text.strip() else []
    if wanted.state is not None:
        conditions.append(orders.c.state == wanted.state)
    if wanted.flagged:
        conditions.append(exists().where(_OPEN_FLAG))
    if wanted.event_id is not None:
        conditions.append(orders.c.event_id == wanted.event_id)
    return conditions


def _matches(connection: Connection, text: str) -> ColumnElement[bool]:
    """Return the condition for a text: references are looked up by index, the rest is scanned."""
    reference = _REFERENCE.fullmatch(text)
    if reference is not None:
        return orders.c.code == reference[1].upper()
    paid = select(payment_attempts.c.order_id).where(
        payment_attempts.c.transaction_id == text, payment_attempts.c.transaction_id != ""
    )
    order_ids = connection.execute(paid).scalars().all()
    if order_ids:
        return orders.c.id.in_(order_ids)
    if _PHONE.fullmatch(text):
        digits = re.sub(r"\D", "", text).removeprefix("0")
        return orders.c.buyer_phone.contains(digits, autoescape=True)
    return and_(
        *(
            or_(
                func.lower(orders.c.buyer_name).contains(word, autoescape=True),
                orders.c.buyer_email.icontains(word, autoescape=True),
                orders.c.code.contains(word.upper(), autoescape=True),
            )
            for word in text.lower().split()
        )
    )
