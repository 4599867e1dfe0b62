"""Order vouchers of a package, as an order with a phone number."""

from dataclasses import dataclass
from datetime import datetime

from ticketing.events import queries as event_queries
from ticketing.orders.order import Selection
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import NotOnSale
from ticketing.selling.checkout.buyer_input import parse_buyer
from ticketing.selling.checkout.place_order import OrderIdempotency, PlacedOrder
from ticketing.selling.checkout.place_order_once import OrderRequest, place_order_once
from ticketing.vouchers import order_queries, package_queries
from ticketing.vouchers.order_queries import PurchaseProgress


@dataclass(frozen=True, slots=True)
class VoucherOrderRequest:
    """Package, quantity and buyer of a voucher order."""

    package: str
    quantity: int
    name: str
    phone: str
    email: str = ""


def order_vouchers(
    database: Database,
    request: VoucherOrderRequest,
    *,
    idempotency: OrderIdempotency | None,
    at: datetime,
    by: str,
) -> tuple[PlacedOrder, bool]:
    """Return the order and whether it existed already; vouchers are created after payment.

    Refuses a package that is not on sale, an invalid phone number, and everything that any order is
    refused for.
    """
    with database.transaction() as connection:
        package = package_queries.get_by_code(connection, request.package)
        event = event_queries.get(connection, str(package.event_id))
    if not package.on_sale:
        raise NotOnSale(f"package {request.package} is not on sale any more")
    buyer = parse_buyer(event, name=request.name, email=request.email, phone=request.phone)
    selections = [Selection(package.ticket_type_id, request.quantity)]
    return place_order_once(
        database, event, OrderRequest(selections, buyer), idempotency=idempotency, at=at, by=by
    )


def get_purchase(database: Database, order_id: int) -> PurchaseProgress:
    """Return the progress of the vouchers of an order."""
    with database.transaction() as connection:
        return order_queries.find_purchases(connection, [order_id])[order_id]
