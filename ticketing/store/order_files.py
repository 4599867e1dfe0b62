"""The live tickets of an order, and where their PDFs are."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, select

from ticketing.domain.tickets import TicketState
from ticketing.store.schema import generated_tickets, ticket_types
from ticketing.store.schema_sales import order_lines, order_places


@dataclass(frozen=True, slots=True)
class OrderFile:
    """One live ticket; `path` is None when its PDF was never made, or has been deleted."""

    ticket_code: str
    ticket_type: str
    token_id: bytes = field(repr=False)  # leads to the holder's link
    path: str | None


def of_order(connection: Connection, order_id: int) -> list[OrderFile]:
    """By ticket type and place."""
    live = and_(
        generated_tickets.c.attendee_id == order_places.c.attendee_id,
        generated_tickets.c.state == TicketState.LIVE,
    )
    query = (
        select(
            generated_tickets.c.ticket_code,
            ticket_types.c.name,
            generated_tickets.c.token_id,
            generated_tickets.c.pdf_file_path,
        )
        .select_from(order_lines)
        .join(order_places, order_places.c.order_line_id == order_lines.c.id)
        .join(ticket_types, ticket_types.c.id == order_lines.c.ticket_type_id)
        .join(generated_tickets, live)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.ticket_type_id, order_places.c.number)
    )
    return [OrderFile(*row) for row in connection.execute(query)]
