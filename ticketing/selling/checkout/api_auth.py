"""Authentication of buyers by order tokens, with rate limits."""

from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader
from sqlalchemy import Connection

from ticketing.access.authentication import enforce_rate_limit, rate_limit_by_address
from ticketing.crypto.keyring import KeyRing
from ticketing.crypto.order_link import is_order_link, order_id_from_link
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_contact import ContactClosed
from ticketing.orders.order import Order
from ticketing.platform.http.errors import NotKnown
from ticketing.platform.http.fields import OrderIdInPath
from ticketing.platform.http.services import get_services
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout.place_order import hash_order_token

ORDER_TOKEN_HEADER = "X-Order-Token"  # noqa: S105 - the header's name
MAX_ORDERS = 20
BUYER_ACTOR = "buyer"  # in the audit log: the holder of the token
_scheme: Any = Security(
    APIKeyHeader(
        name=ORDER_TOKEN_HEADER,
        auto_error=False,
        scheme_name="order token",
        description="Returned once, in the response to `POST /api/orders`.",
    )
)


async def order_from_header(request: Request) -> Order:
    """Return the order of the token in the header. Raises NotKnown and UnknownOrder."""
    token = request.headers.get(ORDER_TOKEN_HEADER, "").strip()
    if not token:
        await _reject_missing_token(request)
    return await order_from_token(request, token)


async def _reject_missing_token(request: Request) -> NoReturn:
    await rate_limit_by_address(request)
    raise NotKnown(
        f"the header {ORDER_TOKEN_HEADER} is missing; send the token from the response to"
        " POST /api/orders"
    )


async def order_from_token(request: Request, token: str) -> Order:
    """Return the order of a token or link. Rate limits: per address if unknown, else per order."""
    services = get_services(request)
    try:
        order = await run_in_threadpool(
            services.database.run, _get_by_token_or_link, services.get(KeyRing), token
        )
    except UnknownOrder:
        await rate_limit_by_address(request)
        raise
    enforce_rate_limit(services, f"order {order.id}")
    return order


def _get_by_token_or_link(connection: Connection, keys: KeyRing, token: str) -> Order:
    """Return the order of a token, or of a link from a message. Raises UnknownOrder."""
    try:
        return order_queries.get_by_token(connection, hash_order_token(token))
    except UnknownOrder:
        order_id = order_id_from_link(token)
        if order_id is None:
            raise
    order = order_queries.get(connection, order_id)
    if not is_order_link(keys, order.id, order.buyer_contacts, token):
        raise UnknownOrder("the link is not valid, or its order has another buyer by now")
    return order


def refuse_link(token: str) -> None:
    """Refuse a link from a message in place of the order's token: it may have gone astray."""
    if order_id_from_link(token) is not None:
        raise ContactClosed(
            "a contact is corrected on the page on which the order was placed; ask the organiser"
        )


def refuse_other_buyer(order: Order, token: str) -> None:
    """Refuse to change a known buyer by a link from a message."""
    if order.buyer is not None:
        refuse_link(token)


async def order_matching_path(
    order_id: OrderIdInPath, order: Annotated[Order, Depends(order_from_header)]
) -> Order:
    """Return the order of the token; refuses a path with another order's id."""
    if order_id != order.id:
        raise UnknownOrder("the token belongs to another order")
    return order


async def orders_from_header(request: Request) -> list[Order]:
    """Return the orders of all tokens in the header. Raises NotKnown and UnknownOrder."""
    tokens = request.headers.get(ORDER_TOKEN_HEADER, "").split(",")
    unique = list(dict.fromkeys(token.strip() for token in tokens if token.strip()))
    if not unique:
        await _reject_missing_token(request)
    return [await order_from_token(request, token) for token in unique[:MAX_ORDERS]]


OrderFromHeader = Annotated[Order, Depends(order_from_header)]
OrderMatchingPath = Annotated[Order, Depends(order_matching_path)]
OrdersFromHeader = Annotated[list[Order], Depends(orders_from_header)]


def order_token_security() -> list[Dependency]:
    """Return the security declaration of operations that need an order token."""
    return [_scheme]
