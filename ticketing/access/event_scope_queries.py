"""The event of what a request names: an order, a ticket, a message, a batch, an entry of a list."""

from collections.abc import Mapping

from sqlalchemy import Column, Connection, select

from ticketing.events import queries as event_queries
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.tickets import batches, generated_tickets
from ticketing.platform.db.tables.waiting_list import waiting_list_entries

# by name of the path parameter: the column that it is, and the column of the event
_COLUMNS = {
    "order_id": (orders.c.id, orders.c.event_id),
    "purchase_id": (orders.c.id, orders.c.event_id),
    "ticket_id": (generated_tickets.c.id, generated_tickets.c.event_id),
    "entry_id": (waiting_list_entries.c.id, waiting_list_entries.c.event_id),
    "delivery_id": (deliveries.c.id, deliveries.c.event_id),
    "batch_id": (batches.c.batch_key, batches.c.event_id),
}  # fmt: skip


def list_event_ids(connection: Connection, named: Mapping[str, str]) -> list[int | None]:
    """Return the event of each parameter that names one; None for one that does not exist."""
    return [
        _find_event_id(connection, name, value)
        for name, value in named.items()
        if name == "event" or name in _COLUMNS
    ]


def _find_event_id(connection: Connection, name: str, value: str) -> int | None:
    if name == "event":
        event = event_queries.find(connection, value)
        return None if event is None else event.id
    key, event_id = _COLUMNS[name]
    return connection.execute(select(event_id).where(key == _as_key(key, value))).scalar()


def _as_key(key: Column[int] | Column[str], value: str) -> int | str:
    return int(value) if key.type.python_type is int else value
