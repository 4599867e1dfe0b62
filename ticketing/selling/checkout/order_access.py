"""Read access for buyers: an order by its token, and the ticket types on sale."""

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.selling.checkout import order_view_queries
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.selling.checkout.place_order import hash_order_token


def get_order_by_token(database: Database, token: str) -> Order:
    """Return the order of a token; refuses an unknown token and never repeats it."""
    with database.transaction() as connection:
        return order_queries.get_by_token(connection, hash_order_token(token))


def get_order_view(database: Database, order_id: int) -> OrderView:
    """Return an order with everything its buyer may see."""
    with database.transaction() as connection:
        return order_view_queries.get(connection, order_id)


def list_ticket_types_on_sale(database: Database, event: Event) -> list[TicketTypeListing]:
    """Return the ticket types of an event that are on sale, with their stock."""
    with database.transaction() as connection:
        return [
            each
            for each in ticket_type_queries.list_for_event(connection, event.id)
            if each.on_sale
        ]
