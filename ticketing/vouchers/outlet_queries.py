"""Queries for outlets, the events that sell packages: all of them, and the busy ones."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from ticketing.orders.order import OrderState
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.vouchers import packages, voucher_history, vouchers
from ticketing.vouchers.model import UNPLACED_STATES, VoucherState

_STATES_WITH_ROUTER_WORK = (*UNPLACED_STATES, VoucherState.REVOKING)


def list_slugs(connection: Connection) -> list[str]:
    """Return the slugs of all outlets, sorted."""
    return _list_slugs(connection)


def list_busy_slugs(connection: Connection, *, since: datetime) -> list[str]:
    """Return the slugs of outlets with a payment or a change since then, or a call to make."""
    is_paid = (orders.c.state == OrderState.PAID, orders.c.paid_at >= since)
    with_payment = select(orders.c.event_id).where(*is_paid)
    changed = select(voucher_history.c.voucher_id).where(voucher_history.c.at >= since)
    is_moving = or_(vouchers.c.id.in_(changed), vouchers.c.state.in_(_STATES_WITH_ROUTER_WORK))
    with_voucher = (
        select(ticket_types.c.event_id)
        .join(vouchers, vouchers.c.ticket_type_id == ticket_types.c.id)
        .where(is_moving)
    )
    is_busy = or_(events.c.id.in_(with_payment), events.c.id.in_(with_voucher))
    return _list_slugs(connection, is_busy)


def is_outlet(connection: Connection, event_id: int) -> bool:
    """Return whether the event sells packages."""
    return bool(connection.execute(select(_sells_packages(event_id))).scalar_one())


def has_no_tickets(connection: Connection, event_id: int) -> bool:
    """Return whether the event sells packages, and nothing else, and has no guests."""
    other_types = (
        exists()
        .where(ticket_types.c.event_id == event_id)
        .where(ticket_types.c.id.not_in(select(packages.c.ticket_type_id)))
    )
    has_guests = exists().where(guests.c.event_id == event_id)
    query = select(_sells_packages(event_id), ~other_types, ~has_guests)
    return all(connection.execute(query).one())


def _sells_packages(event_id: int) -> ColumnElement[bool]:
    return (
        exists()
        .where(packages.c.ticket_type_id == ticket_types.c.id)
        .where(ticket_types.c.event_id == event_id)
    )


def _list_slugs(connection: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    sells_packages = events.c.id.in_(
        select(ticket_types.c.event_id).join(
            packages, packages.c.ticket_type_id == ticket_types.c.id
        )
    )
    query = select(events.c.slug).where(sells_packages, *conditions).order_by(events.c.slug)
    return list(connection.execute(query).scalars())
