"""Queries for what should be repaired before an event: how many, and the first of them."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, not_, or_, select

from ticketing.monitoring.preflight.item import MAX_EXAMPLES, Found
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import OrderState
from ticketing.platform.db.tables.notifications import deliveries, opt_outs
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.model import TicketState

_GUEST = guests.c.full_name + ", guest " + func.cast(guests.c.id, guests.c.full_name.type)
_IS_ENTITLED = and_(entitlements.c.state == "entitled", guests.c.merged_into.is_(None))
_IS_LIVE = generated_tickets.c.state == TicketState.LIVE


def _find(connection: Connection, query: Select[str, int]) -> Found:
    """Return the result of a query whose rows have an example and the total."""
    rows = connection.execute(query.limit(MAX_EXAMPLES)).all()
    return Found(rows[0][1], [row[0] for row in rows]) if rows else Found(0)


def _select_guests(event_id: int, *conditions: ColumnElement[bool]) -> Select[str, int]:
    return (
        select(_GUEST, func.count().over())
        .join(entitlements, entitlements.c.guest_id == guests.c.id)
        .where(entitlements.c.event_id == event_id, _IS_ENTITLED, *conditions)
        .order_by(entitlements.c.id)
    )


def _select_tickets(event_id: int, *conditions: ColumnElement[bool]) -> Select[str, int]:
    return (
        select(generated_tickets.c.ticket_code, func.count().over())
        .where(generated_tickets.c.event_id == event_id, _IS_LIVE, *conditions)
        .order_by(generated_tickets.c.id)
    )


def find_unreachable_guests(connection: Connection, event_id: int) -> Found:
    """Find guests of rosters without an address, or who want no messages at all of theirs."""
    email, phone = guests.c.email, guests.c.phone
    reachable = or_(
        *(
            and_(one != "", not_(exists().where(opt_outs.c.address == func.lower(one))))
            for one in (email, phone)
        )
    )
    return _find(
        connection,
        _select_guests(event_id, entitlements.c.source == "roster", not_(reachable)),
    )


def find_undecided_duplicates(connection: Connection, event_id: int) -> Found:
    """Find guests who may be the same person as another one."""
    return _find(connection, _select_guests(event_id, entitlements.c.duplicate_of.is_not(None)))


def iter_shared_contacts(connection: Connection, event_id: int) -> Iterator[tuple[str, list[str]]]:
    """Yield each contact with the different names of its guests if there are several, streamed."""
    for contact in (guests.c.email, guests.c.phone):
        query = (
            select(contact, func.array_agg(guests.c.full_name.distinct()))
            .join(entitlements, entitlements.c.guest_id == guests.c.id)
            .where(
                entitlements.c.event_id == event_id,
                entitlements.c.source == "roster",
                _IS_ENTITLED,
                contact != "",
            )
            .group_by(contact)
            .having(func.count(guests.c.full_name.distinct()) > 1)
            .order_by(contact)
        )
        for row in connection.execute(query, execution_options={"yield_per": 1000}):
            yield row[0], row[1]


def list_chosen_templates(connection: Connection, event_id: int) -> list[str]:
    """Return the templates that requests chose for live tickets."""
    chosen = generated_tickets.c.template_id
    query = select(chosen).where(
        generated_tickets.c.event_id == event_id, _IS_LIVE, chosen.is_not(None)
    )
    return [str(name) for name in connection.execute(query.distinct().order_by(chosen)).scalars()]


def find_failed_documents(connection: Connection, event_id: int) -> Found:
    """Find live tickets whose PDF could not be rendered."""
    return _find(
        connection, _select_tickets(event_id, generated_tickets.c.render_error.is_not(None))
    )


def find_undelivered_tickets(connection: Connection, event_id: int) -> Found:
    """Find live tickets that were not delivered."""
    return _find(connection, _select_tickets(event_id, generated_tickets.c.delivered_at.is_(None)))


def find_tickets_expiring_before(connection: Connection, event_id: int, ends_at: datetime) -> Found:
    """Find live tickets whose signed validity ends before the event does."""
    return _find(connection, _select_tickets(event_id, generated_tickets.c.valid_until < ends_at))


def find_failed_deliveries(connection: Connection, event_id: int) -> Found:
    """Find messages that failed and that staff have not cancelled."""
    query = (
        select(deliveries.c.channel + ": " + deliveries.c.last_error, func.count().over())
        .where(
            deliveries.c.event_id == event_id,
            deliveries.c.state == DeliveryState.FAILED,
            deliveries.c.cancelled_at.is_(None),
        )
        .order_by(deliveries.c.id)
    )
    return _find(connection, query)


def find_pending_orders(connection: Connection, event_id: int) -> Found:
    """Find orders that are not paid yet."""
    query = (
        select(orders.c.code, func.count().over())
        .where(orders.c.event_id == event_id, orders.c.state == OrderState.PENDING)
        .order_by(orders.c.id)
    )
    return _find(connection, query)
