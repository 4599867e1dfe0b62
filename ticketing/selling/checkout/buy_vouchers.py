"""Buying vouchers of a package: an order like any other, by a person with a phone."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.events import queries as event_queries
from ticketing.orders.order import Selection
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotOnSale
from ticketing.selling.checkout.buyer_input import buyer_for
from ticketing.selling.checkout.order_access import Wanted, take_order
from ticketing.selling.checkout.place_order import Once, PlacedOrder
from ticketing.vouchers import order_queries, package_queries
from ticketing.vouchers.order_queries import Purchase


@dataclass(frozen=True, slots=True)
class VouchersWanted:
    """So many vouchers of a package, and who buys them."""

    package: str
    quantity: int
    name: str
    phone: str
    email: str = ""


def order_vouchers(
    database: Database, wanted: VouchersWanted, *, once: Once | None, at: datetime, by: str
) -> tuple[PlacedOrder, bool]:
    """The order, and whether it was there already; nothing is made before it is paid.

    Refuses a package that is not on sale, a phone number that does not exist, and what any order
    is refused for.
    """
    with database.transaction() as connection:
        package = package_queries.get(connection, wanted.package)
        event = event_queries.get(connection, str(package.event_id))
    if not package.on_sale:
        raise NotOnSale(f"package {wanted.package} is not on sale any more")
    buyer = buyer_for(event, name=wanted.name, email=wanted.email, phone=wanted.phone)
    selections = [Selection(package.ticket_type_id, wanted.quantity)]
    return take_order(database, event, Wanted(selections, buyer), once=once, at=at, by=by)


def purchase(database: Database, order_id: int) -> Purchase:
    """How far the vouchers of an order have come."""
    with database.transaction() as connection:
        return order_queries.of_orders(connection, [order_id])[order_id]
