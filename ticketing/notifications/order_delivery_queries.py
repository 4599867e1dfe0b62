"""Queries for the deliveries of messages about one order."""

from sqlalchemy import Connection

from ticketing.notifications.delivery_queries import (
    Delivery,
    delivery_from_row,
    select_deliveries,
)
from ticketing.platform.db.outbox import ORGANISER
from ticketing.platform.db.tables.notifications import deliveries
from ticketing.platform.db.tables.outbox import message_order_code, outbox

_TO_PEOPLE = outbox.c.recipient != ORGANISER


def list_order_deliveries(connection: Connection, code: str, *, limit: int) -> list[Delivery]:
    """Return the deliveries of messages to people about an order, newest first."""
    query = select_deliveries().where(message_order_code == code, _TO_PEOPLE)
    rows = connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit))
    return [delivery_from_row(row) for row in rows]


def is_delivery_of_order(connection: Connection, delivery_id: int, code: str) -> bool:
    """Return whether a delivery is of a message to people about the order."""
    query = select_deliveries().where(
        deliveries.c.id == delivery_id, message_order_code == code, _TO_PEOPLE
    )
    return connection.execute(query).first() is not None
