"""Queries for staff: the full history of an order, and lists of orders.

The buyer's view is in `checkout/order_view_queries.py`.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, select

from ticketing.orders import instalment_queries
from ticketing.orders.instalments import Instalment
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.refund import Refund
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import (
    order_lines,
    order_positions,
    order_review_flags,
    orders,
)
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.refunds.plan_queries import order_items, order_items_sort
from ticketing.tickets.model import TicketState
from ticketing.vouchers.model import VoucherState


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """One order in a list. `flags` are open review flags."""

    code: str
    state: OrderState
    total: Rupiah
    refunded: Rupiah
    places: int
    buyer: str
    created_at: datetime
    flags: tuple[ReviewFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderHistoryItem:
    """One place or voucher of the order. Refunds refer to it by `number`."""

    number: int
    ticket_type: str
    ticket_code: str | None
    ticket_state: TicketState | None
    returned_at: datetime | None
    guest: str | None = None
    voucher: VoucherState | None = None
    revoked_reason: str = ""


@dataclass(frozen=True, slots=True)
class OrderHistoryLine:
    """The places of one ticket type, and the number returned."""

    ticket_type: str
    quantity: int
    price: Rupiah
    returned: int


@dataclass(frozen=True, slots=True)
class OrderHistoryNotification:
    """One notification of the gateway about an attempt, and its outcome."""

    received_at: datetime
    attempt_key: str
    outcome: str
    reason: str
    attempt_count: int


@dataclass(frozen=True, slots=True)
class OrderHistoryFlag:
    """A review flag, open until it is resolved."""

    flag: ReviewFlag
    message: str
    raised_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderAuditEntry:
    """An entry of the audit log about the order."""

    at: datetime
    actor: str
    action: str
    details: dict[str, object]


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """One order from placement to refund."""

    order: Order
    subtotal: Rupiah
    discount: Rupiah
    refunded: Rupiah
    created_at: datetime
    paid_at: datetime | None
    closed_at: datetime | None
    lines: tuple[OrderHistoryLine, ...]
    places: tuple[OrderHistoryItem, ...]
    attempts: tuple[PaymentAttempt, ...]
    notifications: tuple[OrderHistoryNotification, ...]
    flags: tuple[OrderHistoryFlag, ...]
    refunds: tuple[Refund, ...]
    audit_entries: tuple[OrderAuditEntry, ...]
    instalments: tuple[Instalment, ...]  # instalments, if paid by a payment plan


def get_history(connection: Connection, order: Order) -> OrderHistory:
    """Return the full history of an order."""
    row = connection.execute(
        select(
            *orders.c["subtotal", "discount", "refunded", "created_at", "paid_at", "closed_at"],
        ).where(orders.c.id == order.id)
    ).one()
    attempts = tuple(attempt_queries.list_for_order(connection, order.id))
    return OrderHistory(
        order=order,
        subtotal=Rupiah(row.subtotal),
        discount=Rupiah(row.discount),
        refunded=Rupiah(row.refunded),
        created_at=row.created_at,
        paid_at=row.paid_at,
        closed_at=row.closed_at,
        lines=_lines(connection, order.id),
        places=_places(connection, order.id),
        attempts=attempts,
        notifications=_list_notifications(connection, attempts),
        flags=_flags(connection, order.id),
        refunds=tuple(refund_queries.list_for_order(connection, order.id)),
        audit_entries=_list_audit_entries(connection, order),
        instalments=instalment_queries.list_for_order(connection, order.id),
    )


def _lines(connection: Connection, order_id: int) -> tuple[OrderHistoryLine, ...]:
    query = (
        select(
            ticket_types.c.name, order_lines.c.quantity, order_lines.c.price, order_lines.c.returned
        )
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.ticket_type_id)
    )
    return tuple(
        OrderHistoryLine(row.name, row.quantity, Rupiah(row.price), row.returned)
        for row in connection.execute(query)
    )


def _places(connection: Connection, order_id: int) -> tuple[OrderHistoryItem, ...]:
    """Return the places with their newest ticket, numbered as in `plan_queries`."""
    any_ticket = generated_tickets.alias()
    newest = (
        select(func.max(any_ticket.c.id))
        .where(any_ticket.c.entitlement_id == order_items.c.entitlement_id)
        .correlate(order_items)
        .scalar_subquery()
    )
    query = (
        select(
            ticket_types.c.name,
            generated_tickets.c.ticket_code,
            generated_tickets.c.state,
            order_positions.c.returned_at,
            guests.c.full_name.label("guest"),
            vouchers.c.state.label("voucher"),
            vouchers.c.revoked_reason,
        )
        .select_from(
            order_items.join(order_lines, order_lines.c.id == order_items.c.order_line_id)
            .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
            .outerjoin(
                order_positions, order_positions.c.entitlement_id == order_items.c.entitlement_id
            )
            .outerjoin(entitlements, entitlements.c.id == order_positions.c.entitlement_id)
            .outerjoin(guests, guests.c.id == entitlements.c.guest_id)
            .outerjoin(generated_tickets, generated_tickets.c.id == newest)
            .outerjoin(vouchers, vouchers.c.id == order_items.c.voucher_id)
        )
        .where(order_lines.c.order_id == order_id)
        .order_by(*order_items_sort)
    )
    return tuple(
        OrderHistoryItem(
            number=number,
            ticket_type=row.name,
            ticket_code=row.ticket_code,
            ticket_state=None if row.state is None else TicketState(row.state),
            returned_at=row.returned_at,
            guest=row.guest,
            voucher=None if row.voucher is None else VoucherState(row.voucher),
            revoked_reason=row.revoked_reason or "",
        )
        for number, row in enumerate(connection.execute(query), start=1)
    )


def _list_notifications(
    connection: Connection, attempts: tuple[PaymentAttempt, ...]
) -> tuple[OrderHistoryNotification, ...]:
    names = [name for one in attempts for name in (one.key, one.transaction_id) if name]
    query = (
        select(
            *inbound_webhooks.c[
                "received_at", "external_reference", "outcome", "reason", "attempt_count"
            ],
        )
        .where(inbound_webhooks.c.external_reference.in_(names))
        .order_by(inbound_webhooks.c.id)
    )
    return tuple(OrderHistoryNotification(*row) for row in connection.execute(query))


def _flags(connection: Connection, order_id: int) -> tuple[OrderHistoryFlag, ...]:
    query = (
        select(*columns_of(OrderHistoryFlag, order_review_flags))
        .where(order_review_flags.c.order_id == order_id)
        .order_by(order_review_flags.c.raised_at, order_review_flags.c.flag)
    )
    return tuple(
        OrderHistoryFlag(ReviewFlag(flag), *rest) for flag, *rest in connection.execute(query)
    )


def _list_audit_entries(connection: Connection, order: Order) -> tuple[OrderAuditEntry, ...]:
    query = (
        select(*columns_of(OrderAuditEntry, audit_log))
        .where(audit_log.c.event_id == order.event_id, audit_log.c.subject == order.code)
        .order_by(audit_log.c.id)
    )
    return tuple(OrderAuditEntry(*row) for row in connection.execute(query))


def list_orders(
    connection: Connection,
    event_id: int,
    *,
    state: OrderState | None = None,
    flagged: bool = False,
    limit: int,
) -> list[OrderSummary]:
    """Return the orders of an event, newest first."""
    is_open = and_(
        order_review_flags.c.order_id == orders.c.id, order_review_flags.c.resolved_at.is_(None)
    )
    places = (
        select(func.sum(order_lines.c.quantity - order_lines.c.returned))
        .where(order_lines.c.order_id == orders.c.id)
        .scalar_subquery()
    )
    open_flags = (
        select(func.array_agg(order_review_flags.c.flag))
        .where(is_open)
        .scalar_subquery()
        .label("flags")
    )
    query = select(
        *orders.c["code", "state", "total", "refunded"],
        places.label("places"),
        orders.c.buyer_name,
        orders.c.created_at,
        open_flags,
    ).where(orders.c.event_id == event_id)
    if state is not None:
        query = query.where(orders.c.state == state)
    if flagged:
        query = query.where(exists().where(is_open))
    rows = connection.execute(query.order_by(orders.c.id.desc()).limit(limit))
    return [
        OrderSummary(
            code=row.code,
            state=OrderState(row.state),
            total=Rupiah(row.total),
            refunded=Rupiah(row.refunded),
            places=int(row.places),
            buyer=row.buyer_name,
            created_at=row.created_at,
            flags=tuple(sorted(ReviewFlag(flag) for flag in row.flags or ())),
        )
        for row in rows
    ]
