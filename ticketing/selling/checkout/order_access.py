"""What whoever has an order's token may see, and what anybody may: the ticket types on sale.

Taking an order from somebody who may ask twice: a network that fails leaves one order, not two.

The order's token is derived from the key that the request carries, and one token has one order. So
no answer has to be kept, and with it no token. The key must be as hard to guess as the token is.
"""

from ticketing.catalogue import ticket_type_queries
from ticketing.catalogue.ticket_type_queries import TicketTypeListing
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database
from ticketing.selling.checkout import order_view_queries
from ticketing.selling.checkout.order_view_queries import OrderView
from ticketing.selling.checkout.place_order import (
    hash_order_token,
)


def get_order_by_token(database: Database, token: str) -> Order:
    """The order that a token opens; the token is repeated nowhere. Refuses an unknown one."""
    with database.transaction() as connection:
        return order_queries.get_by_token(connection, hash_order_token(token))


def get_order_view(database: Database, order_id: int) -> OrderView:
    """An order with everything its buyer may see."""
    with database.transaction() as connection:
        return order_view_queries.get(connection, order_id)


def list_ticket_types_on_sale(database: Database, event: Event) -> list[TicketTypeListing]:
    """What can be ordered for an event, and what is left of it."""
    with database.transaction() as connection:
        return [
            each
            for each in ticket_type_queries.list_for_event(connection, event.id)
            if each.on_sale
        ]
