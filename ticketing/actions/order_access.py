"""What whoever has an order's token may see, and what anybody may: the ticket types on sale."""

from ticketing.actions.place_order import token_hash
from ticketing.domain.events import Event
from ticketing.domain.orders import Order
from ticketing.store import order_views, orders, sale
from ticketing.store.database import Database
from ticketing.store.order_views import OrderView
from ticketing.store.sale import TypeForSale


def order_behind(database: Database, token: str) -> Order:
    """The order that a token opens; the token is repeated nowhere. Refuses an unknown one."""
    with database.transaction() as connection:
        return orders.by_token(connection, token_hash(token))


def order_view(database: Database, order_id: int) -> OrderView:
    """An order with everything its buyer may see."""
    with database.transaction() as connection:
        return order_views.of(connection, order_id)


def on_sale(database: Database, event: Event) -> list[TypeForSale]:
    """What can be ordered for an event, and what is left of it."""
    with database.transaction() as connection:
        return [each for each in sale.of(connection, event.id) if each.on_sale]
