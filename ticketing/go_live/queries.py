"""Queries for what rehearsals of an event left behind: orders, what follows, who waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select

from ticketing.go_live.message_queries import IS_WAITING, count_waiting
from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState
from ticketing.orders.refund import RefundState
from ticketing.platform.db.payment_environment import PRODUCTION, is_rehearsal
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
from ticketing.platform.db.tables.waiting_list import waiting_list_entries as entries
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
    entries: int  # of waiting lists, that have not left
    newest_entry: int  # its id, 0 without one
    places: int  # that return to the stock
    tickets: int  # live
    vouchers: int  # live
    messages: int  # waiting
    documents: int

    @property
    def is_cleared(self) -> bool:
        """Return whether nothing is left."""
        left = (self.orders, self.entries, self.tickets, self.vouchers, self.documents)
        return not any(left)


@dataclass(frozen=True, slots=True)
class RehearsalDocument:
    """A PDF of a ticket of a rehearsal."""

    ticket_id: int
    path: str


def count_remains(connection: Connection, event_id: int) -> RehearsalRemains:
    """Count what the rehearsals of an event left behind."""
    number, newest = _count_and_newest(connection, orders.c.id, _is_left(event_id))
    waiting, newest_entry = _count_and_newest(connection, entries.c.id, _is_waiting(event_id))
    return RehearsalRemains(
        orders=number,
        newest_order=newest,
        entries=waiting,
        newest_entry=newest_entry,
        places=_count(connection, _places(event_id)),
        tickets=_count(connection, _tickets(event_id, _is_live())),
        vouchers=_count(connection, _vouchers(event_id)),
        messages=count_waiting(connection, event_id, _is_waiting(event_id)),
        documents=_count(connection, _tickets(event_id, _HAS_PDF)),
    )


def list_order_ids(
    connection: Connection, event_id: int, *, after_id: int, up_to: int, limit: int
) -> Sequence[int]:
    """Return the orders to clear up to one id, one page, ordered by id."""
    page = orders.c.id.between(after_id + 1, up_to)
    query = select(orders.c.id).where(_is_left(event_id), page).order_by(orders.c.id)
    return connection.execute(query.limit(limit)).scalars().all()


def list_entry_ids(
    connection: Connection, event_id: int, *, after_id: int, up_to: int, limit: int
) -> Sequence[int]:
    """Return the waiting entries to clear up to one id, one page, ordered by id."""
    page = entries.c.id.between(after_id + 1, up_to)
    query = select(entries.c.id).where(_is_waiting(event_id), page).order_by(entries.c.id)
    return connection.execute(query.limit(limit)).scalars().all()


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
    mailed = exists().where(deliveries.c.outbox_id == outbox.c.id, about, IS_WAITING)
    left = or_(_HOLDS_PLACES, with_money, outstanding, flagged, waiting, mailed)
    of_event = () if event_id is None else (orders.c.event_id == event_id,)
    return and_(is_rehearsal(), *of_event, left)


def _is_waiting(event_id: int) -> ColumnElement[bool]:
    """Return the condition: an entry of a rehearsal that has not left its waiting list."""
    is_of_rehearsal = entries.c.environment != PRODUCTION
    return and_(entries.c.event_id == event_id, is_of_rehearsal, entries.c.left_at.is_(None))


def _is_live() -> ColumnElement[bool]:
    return generated_tickets.c.state == TicketState.LIVE


def _count_and_newest(
    connection: Connection, row_id: ColumnElement[int], condition: ColumnElement[bool]
) -> tuple[int, int]:
    query = select(func.count(), func.coalesce(func.max(row_id), 0)).where(condition)
    number, newest = connection.execute(query).one()
    return number, newest


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
