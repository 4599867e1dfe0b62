"""Everything that is known of one order, and lists of orders. What buyers see is in order_views."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, exists, func, select

from ticketing.orders import instalment_queries
from ticketing.orders.instalments import Part
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.orders.refund import Refund
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.sales import (
    inbox,
    order_flags,
    order_lines,
    order_places,
    orders,
    ticket_types,
)
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_queries import Attempt
from ticketing.selling.payments.entitlement_queries import had, in_order
from ticketing.tickets.model import TicketState
from ticketing.vouchers.model import VoucherState


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """One order in a list. `flags` are the questions that are still open."""

    code: str
    state: OrderState
    total: Rupiah
    refunded: Rupiah
    places: int
    buyer: str
    created_at: datetime
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class StoryPlace:
    """One place of the order, or one of its vouchers. Its number is how a refund names it."""

    number: int
    ticket_type: str
    ticket_code: str | None
    ticket_state: TicketState | None
    returned_at: datetime | None
    voucher: VoucherState | None = None
    ending_why: str = ""


@dataclass(frozen=True, slots=True)
class StoryLine:
    """So many places of one type, and how many of them were given back."""

    ticket_type: str
    quantity: int
    price: Rupiah
    returned: int


@dataclass(frozen=True, slots=True)
class StoryNotice:
    """What the gateway sent of one attempt, and what became of it."""

    received_at: datetime
    attempt_key: str
    outcome: str
    reason: str
    tries: int


@dataclass(frozen=True, slots=True)
class StoryFlag:
    """A question for a person; answered if it is resolved."""

    flag: Flag
    message: str
    raised_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did with the order."""

    at: datetime
    actor: str
    action: str
    details: dict[str, object]


@dataclass(frozen=True, slots=True)
class OrderStory:
    """One order from placing to refund."""

    order: Order
    subtotal: Rupiah
    discount: Rupiah
    refunded: Rupiah
    created_at: datetime
    paid_at: datetime | None
    closed_at: datetime | None
    lines: tuple[StoryLine, ...]
    places: tuple[StoryPlace, ...]
    attempts: tuple[Attempt, ...]
    notices: tuple[StoryNotice, ...]
    flags: tuple[StoryFlag, ...]
    refunds: tuple[Refund, ...]
    deeds: tuple[Deed, ...]
    parts: tuple[Part, ...]  # of an order that is paid in several


def story(connection: Connection, order: Order) -> OrderStory:
    """The order's whole story."""
    row = connection.execute(
        select(
            orders.c.subtotal,
            orders.c.discount,
            orders.c.refunded,
            orders.c.created_at,
            orders.c.paid_at,
            orders.c.closed_at,
        ).where(orders.c.id == order.id)
    ).one()
    attempts = tuple(attempt_queries.of_order(connection, order.id))
    return OrderStory(
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
        notices=_notices(connection, attempts),
        flags=_flags(connection, order.id),
        refunds=tuple(refund_queries.of_order(connection, order.id)),
        deeds=_deeds(connection, order),
        parts=instalment_queries.of_order(connection, order.id),
    )


def _lines(connection: Connection, order_id: int) -> tuple[StoryLine, ...]:
    query = (
        select(
            ticket_types.c.name, order_lines.c.quantity, order_lines.c.price, order_lines.c.returned
        )
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.ticket_type_id)
    )
    return tuple(
        StoryLine(row.name, row.quantity, Rupiah(row.price), row.returned)
        for row in connection.execute(query)
    )


def _places(connection: Connection, order_id: int) -> tuple[StoryPlace, ...]:
    """With each its newest ticket; numbered as in `refund_plans`."""
    any_ticket = generated_tickets.alias()
    newest = (
        select(func.max(any_ticket.c.id))
        .where(any_ticket.c.attendee_id == had.c.attendee_id)
        .correlate(had)
        .scalar_subquery()
    )
    query = (
        select(
            ticket_types.c.name,
            generated_tickets.c.ticket_code,
            generated_tickets.c.state,
            order_places.c.returned_at,
            vouchers.c.state.label("voucher"),
            vouchers.c.ending_why,
        )
        .select_from(
            had.join(order_lines, order_lines.c.id == had.c.order_line_id)
            .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
            .outerjoin(order_places, order_places.c.attendee_id == had.c.attendee_id)
            .outerjoin(generated_tickets, generated_tickets.c.id == newest)
            .outerjoin(vouchers, vouchers.c.id == had.c.voucher_id)
        )
        .where(order_lines.c.order_id == order_id)
        .order_by(*in_order)
    )
    return tuple(
        StoryPlace(
            number=number,
            ticket_type=row.name,
            ticket_code=row.ticket_code,
            ticket_state=None if row.state is None else TicketState(row.state),
            returned_at=row.returned_at,
            voucher=None if row.voucher is None else VoucherState(row.voucher),
            ending_why=row.ending_why or "",
        )
        for number, row in enumerate(connection.execute(query), start=1)
    )


def _notices(connection: Connection, attempts: tuple[Attempt, ...]) -> tuple[StoryNotice, ...]:
    names = [name for one in attempts for name in (one.key, one.transaction_id) if name]
    query = (
        select(inbox.c.received_at, inbox.c.subject, inbox.c.outcome, inbox.c.reason, inbox.c.tries)
        .where(inbox.c.subject.in_(names))
        .order_by(inbox.c.id)
    )
    return tuple(StoryNotice(*row) for row in connection.execute(query))


def _flags(connection: Connection, order_id: int) -> tuple[StoryFlag, ...]:
    query = (
        select(
            order_flags.c.flag,
            order_flags.c.message,
            order_flags.c.raised_at,
            order_flags.c.resolved_at,
        )
        .where(order_flags.c.order_id == order_id)
        .order_by(order_flags.c.raised_at, order_flags.c.flag)
    )
    return tuple(StoryFlag(Flag(flag), *rest) for flag, *rest in connection.execute(query))


def _deeds(connection: Connection, order: Order) -> tuple[Deed, ...]:
    query = (
        select(audit_log.c.at, audit_log.c.actor, audit_log.c.action, audit_log.c.details)
        .where(audit_log.c.event_id == order.event_id, audit_log.c.subject == order.code)
        .order_by(audit_log.c.id)
    )
    return tuple(Deed(*row) for row in connection.execute(query))


def listed(
    connection: Connection,
    event_id: int,
    *,
    state: OrderState | None = None,
    flagged: bool = False,
    limit: int,
) -> list[ListedOrder]:
    """The event's orders, the newest first."""
    is_open = and_(order_flags.c.order_id == orders.c.id, order_flags.c.resolved_at.is_(None))
    places = (
        select(func.sum(order_lines.c.quantity - order_lines.c.returned))
        .where(order_lines.c.order_id == orders.c.id)
        .scalar_subquery()
    )
    questions = (
        select(func.array_agg(order_flags.c.flag)).where(is_open).scalar_subquery().label("flags")
    )
    query = select(
        orders.c.code,
        orders.c.state,
        orders.c.total,
        orders.c.refunded,
        places.label("places"),
        orders.c.buyer_name,
        orders.c.created_at,
        questions,
    ).where(orders.c.event_id == event_id)
    if state is not None:
        query = query.where(orders.c.state == state)
    if flagged:
        query = query.where(exists().where(is_open))
    rows = connection.execute(query.order_by(orders.c.id.desc()).limit(limit))
    return [
        ListedOrder(
            code=row.code,
            state=OrderState(row.state),
            total=Rupiah(row.total),
            refunded=Rupiah(row.refunded),
            places=int(row.places),
            buyer=row.buyer_name,
            created_at=row.created_at,
            flags=tuple(sorted(Flag(flag) for flag in row.flags or ())),
        )
        for row in rows
    ]
