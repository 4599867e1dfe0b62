"""Queries for the ticket types of an event: prices, stock and limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.catalogue.stock import PurchaseLimits, Stock
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.kernel.money import Rupiah

_COLUMNS = (
    ticket_types.c.id,
    ticket_types.c.name,
    ticket_types.c.on_sale,
    ticket_types.c.price,
    ticket_types.c.capacity,
    ticket_types.c.pending,
    ticket_types.c.sold,
    ticket_types.c.max_per_order,
    ticket_types.c.max_per_buyer,
)


@dataclass(frozen=True, slots=True)
class TicketTypeListing:
    """One ticket type, on sale or not, with its stock."""

    id: int
    name: str
    on_sale: bool
    price: Rupiah
    stock: Stock
    limits: PurchaseLimits


@dataclass(frozen=True, slots=True)
class EventOnSale:
    """An event on sale, and the lowest price of its ticket types."""

    event: Event
    lowest_price: Rupiah
    has_several_prices: bool


def list_events_on_sale(connection: Connection, *, at: datetime) -> list[EventOnSale]:
    """Return the events that are not over and sell a ticket type, the next one first."""
    lowest, highest = func.min(ticket_types.c.price), func.max(ticket_types.c.price)
    query = (
        select(*event_queries.COLUMNS, lowest, highest != lowest)
        .join(ticket_types, ticket_types.c.event_id == events.c.id)
        .where(events.c.ends_at > at, ticket_types.c.on_sale)
        .group_by(events.c.id)
        .order_by(events.c.starts_at, events.c.id)
    )
    return [
        EventOnSale(Event(*fields), Rupiah(price), several)
        for *fields, price, several in connection.execute(query)
    ]


def list_for_event(connection: Connection, event_id: int) -> list[TicketTypeListing]:
    """Return the ticket types of an event, oldest first."""
    query = select(*_COLUMNS).where(ticket_types.c.event_id == event_id)
    return [_listing_from_row(row) for row in connection.execute(query.order_by(ticket_types.c.id))]


def lock_by_name(connection: Connection, event_id: int, name: str) -> TicketTypeListing | None:
    """Return the ticket type with this name, locked until the transaction ends, or None."""
    query = select(*_COLUMNS).where(
        ticket_types.c.event_id == event_id, ticket_types.c.name == name
    )
    row = connection.execute(query.with_for_update()).one_or_none()
    return None if row is None else _listing_from_row(row)


def get_or_insert(connection: Connection, event_id: int, name: str) -> TicketTypeListing:
    """Return the ticket type with this name, locked; create it if it does not exist."""
    statement = insert(ticket_types).values(event_id=event_id, name=name)
    upsert = statement.on_conflict_do_update(
        index_elements=[ticket_types.c.event_id, ticket_types.c.name], set_={"name": name}
    )
    return _listing_from_row(connection.execute(upsert.returning(*_COLUMNS)).one())


def update_ticket_type(
    connection: Connection, ticket_type_id: int, values: Mapping[str, object]
) -> None:
    """Update price, capacity, limits or `on_sale` of a locked type."""
    connection.execute(
        update(ticket_types).where(ticket_types.c.id == ticket_type_id).values(dict(values))
    )


def mark_all_off_sale(connection: Connection, event_id: int) -> int:
    """Take all ticket types of an event off sale; return the number that was on sale."""
    query = (
        update(ticket_types)
        .where(ticket_types.c.event_id == event_id, ticket_types.c.on_sale)
        .values(on_sale=False)
    )
    return connection.execute(query).rowcount


def _listing_from_row(row: Row[*tuple[Any, ...]]) -> TicketTypeListing:
    return TicketTypeListing(
        id=row.id,
        name=row.name,
        on_sale=row.on_sale,
        price=Rupiah(row.price),
        stock=Stock(row.capacity, row.pending, row.sold),
        limits=PurchaseLimits(row.max_per_order, row.max_per_buyer),
    )
