"""Queries of the reports of an event; the tables are made in `report_tables.py`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Date, cast, func, select

from ticketing.events.model import Event
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.tickets import batches


def list_sales(connection: Connection, event: Event) -> Sequence[Sequence[Any]]:
    """Return day of payment, ticket type, places, returned places, and rupiah before discounts.

    Days are those of the venue. Rehearsals are not counted.
    """
    day = cast(func.timezone(event.time_zone, orders.c.paid_at), Date)
    query = (
        select(
            day, ticket_types.c.name, func.sum(order_lines.c.quantity),
            func.sum(order_lines.c.returned),
            func.sum(order_lines.c.quantity * order_lines.c.price),
        )
        .join(order_lines, order_lines.c.order_id == orders.c.id)
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .where(
            orders.c.event_id == event.id, orders.c.paid_at.is_not(None), is_of_this_environment()
        )
        .group_by(day, ticket_types.c.name)
        .order_by(day, ticket_types.c.name)
    )  # fmt: skip
    return connection.execute(query).all()


def list_generated(connection: Connection, event: Event) -> Sequence[Sequence[Any]]:
    """Return day of the batch, and the tickets that it rendered, skipped and failed."""
    day = cast(func.timezone(event.time_zone, batches.c.started_at), Date)
    sums = (
        func.sum(column) for column in batches.c["rendered_count", "skipped_count", "failed_count"]
    )
    query = select(day, *sums).where(batches.c.event_id == event.id).group_by(day).order_by(day)
    return connection.execute(query).all()
