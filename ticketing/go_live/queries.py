"""Queries for what the rehearsals of an event left behind: orders and everything that follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, update

from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import RefundState
from ticketing.platform.db.payment_environment import is_rehearsal
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import (
    order_lines,
    order_positions,
    order_review_flags,
    orders,
)
from ticketing.platform.db.tables.outbox import message_order_code, outbox
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.tables.refunds import refunds
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.tickets.model import TicketState
from ticketing.vouchers.model import LIVE_STATES

_HOLDS_PLACES = orders.c.state.in_((OrderState.PENDING, OrderState.PAID))
_RETURNED = (AttemptState.REVERSED, AttemptState.CHARGED_BACK, AttemptState.REFUNDED)
_WITH_MONEY = [one for one in AttemptState if one.has_taken_money and one not in _RETURNED]
_OUTSTANDING = [one for one in RefundState if one.is_outstanding]
_HAS_PDF = and_(
    generated_tickets.c.pdf_file_path.is_not(None), generated_tickets.c.pdf_removed_at.is_(None)
)


@dataclass(frozen=True, slots=True)
class RehearsalRemains:
    """Data that the rehearsals of an event left behind."""

    orders: int  # with places, money, refunds, flags or messages
    newest_order: int  # its id, 0 without one
    places: int  # that return to the stock
    tickets: int  # live
    vouchers: int  # live
    messages: int  # waiting
    documents: int

    @property
    def is_cleared(self) -> bool:
        """Return whether nothing is left."""
        return not (self.orders or self.tickets or self.vouchers or self.documents)


@dataclass(frozen=True, slots=True)
class RehearsalDocument:
    """A PDF of a ticket of a rehearsal."""

    ticket_id: int
    path: str


def count_remains(connection: Connection, event_id: int) -> RehearsalRemains:
    """Count what the rehearsals of an event left behind."""
    number, newest = connection.execute(
        select(func.count(), func.coalesce(func.max(orders.c.id), 0)).where(_is_left(event_id))
    ).one()
    return RehearsalRemains(
        orders=number,
        newest_order=newest,
        places=_count(connection, _places(event_id)),
        tickets=_count(connection, _tickets(event_id, _is_live())),
        vouchers=_count(connection, _vouchers(event_id)),
        messages=_count(connection, _messages(event_id))
        + _count(connection, _deliveries(event_id)),
        documents=_count(connection, _tickets(event_id, _HAS_PDF)),
    )


def list_order_ids(
    connection: Connection, event_id: int, *, after_id: int, up_to: int, limit: int
) -> Sequence[int]:
    """Return the orders to clear up to one id, one page, ordered by id."""
    query = select(orders.c.id).where(
        _is_left(event_id), orders.c.id > after_id, orders.c.id <= up_to
    )
    return connection.execute(query.order_by(orders.c.id).limit(limit)).scalars().all()


def list_unfinished_events(connection: Connection, *, at: datetime) -> list[tuple[str, int]]:
    """Return the events that are not over, and how many orders of rehearsals each still has."""
    query = (
        select(events.c.slug, func.count())
        .join(orders, orders.c.event_id == events.c.id)
        .where(events.c.ends_at > at, _is_left())
        .group_by(events.c.id)
        .order_by(events.c.starts_at, events.c.id)
    )
    return [(slug, number) for slug, number in connection.execute(query)]


def discard_messages(connection: Connection, order_code: str, *, at: datetime) -> int:
    """Mark the waiting messages about an order as processed, so that none is sent."""
    statement = update(outbox).where(
        message_order_code == order_code, outbox.c.processed_at.is_(None)
    )
    return connection.execute(statement.values(processed_at=at)).rowcount


def list_waiting_deliveries(connection: Connection, order_code: str) -> Sequence[int]:
    """Return the deliveries about an order that wait to be sent, locked."""
    query = (
        select(deliveries.c.id)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .where(message_order_code == order_code, _IS_WAITING)
        .order_by(deliveries.c.id)
        .with_for_update(of=deliveries)
    )
    return connection.execute(query).scalars().all()


def lock_documents(
    connection: Connection, event_id: int, *, limit: int
) -> Sequence[RehearsalDocument]:
    """Lock and return PDFs of revoked tickets of rehearsals, except those locked by others."""
    is_revoked = generated_tickets.c.state == TicketState.REVOKED
    query = _tickets(event_id, _HAS_PDF & is_revoked).with_only_columns(
        generated_tickets.c.id, generated_tickets.c.pdf_file_path
    )
    query = query.order_by(generated_tickets.c.id).limit(limit)
    rows = connection.execute(query.with_for_update(skip_locked=True, of=generated_tickets))
    return [RehearsalDocument(*row) for row in rows]


_IS_WAITING = deliveries.c.next_attempt_at.is_not(None) & deliveries.c.state.in_(
    (DeliveryState.QUEUED, DeliveryState.ERROR)
)


def _is_left(event_id: int | None = None) -> ColumnElement[bool]:
    """Return the condition: an order of a rehearsal that something is left of."""
    with_money = exists().where(
        payment_attempts.c.order_id == orders.c.id, payment_attempts.c.state.in_(_WITH_MONEY)
    )
    outstanding = exists().where(
        refunds.c.order_id == orders.c.id, refunds.c.state.in_(_OUTSTANDING)
    )
    flagged = exists().where(
        order_review_flags.c.order_id == orders.c.id, order_review_flags.c.resolved_at.is_(None)
    )
    about = message_order_code == orders.c.code
    waiting = exists().where(about, outbox.c.processed_at.is_(None))
    mailed = exists().where(deliveries.c.outbox_id == outbox.c.id, about, _IS_WAITING)
    left = or_(_HOLDS_PLACES, with_money, outstanding, flagged, waiting, mailed)
    of_event = () if event_id is None else (orders.c.event_id == event_id,)
    return and_(is_rehearsal(), *of_event, left)


def _is_live() -> ColumnElement[bool]:
    return generated_tickets.c.state == TicketState.LIVE


def _count(connection: Connection, query: Select[*tuple[object, ...]]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()


def _places(event_id: int) -> Select[*tuple[object, ...]]:
    """Select one row for each place that returns to the stock, vouchers included."""
    left = func.generate_series(1, order_lines.c.quantity - order_lines.c.returned)
    return (
        select(left.label("place"))
        .join_from(order_lines, orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.event_id == event_id, is_rehearsal(), _HOLDS_PLACES)
    )


def _tickets(event_id: int, condition: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    positions, lines = order_positions.c, order_lines.c
    return (
        select(generated_tickets.c.id)
        .join(order_positions, positions.entitlement_id == generated_tickets.c.entitlement_id)
        .join(order_lines, lines.id == positions.order_line_id)
        .join(orders, orders.c.id == lines.order_id)
        .where(orders.c.event_id == event_id, is_rehearsal(), condition)
    )


def _vouchers(event_id: int) -> Select[*tuple[object, ...]]:
    return (
        select(vouchers.c.id)
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.event_id == event_id, is_rehearsal(), vouchers.c.state.in_(LIVE_STATES))
    )


def _messages(event_id: int) -> Select[*tuple[object, ...]]:
    """Select the messages without a delivery."""
    return (
        select(outbox.c.id)
        .join(orders, orders.c.code == message_order_code)
        .where(orders.c.event_id == event_id, is_rehearsal(), outbox.c.processed_at.is_(None))
    )


def _deliveries(event_id: int) -> Select[*tuple[object, ...]]:
    """Select the deliveries that wait to be sent."""
    return (
        select(deliveries.c.id)
        .join(outbox, outbox.c.id == deliveries.c.outbox_id)
        .join(orders, orders.c.code == message_order_code)
        .where(orders.c.event_id == event_id, is_rehearsal(), _IS_WAITING)
    )
