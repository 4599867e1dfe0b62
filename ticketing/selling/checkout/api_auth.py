"""The buyer's doors: an order's token opens that order, and strangers may ask only so often."""

from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader

from ticketing.access.authentication import enforce_rate_limit, rate_limit_by_address
from ticketing.orders.order import Order
from ticketing.platform.http.envelope import IdInPath
from ticketing.platform.http.errors import NotKnown
from ticketing.platform.http.services import get_services
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout.order_access import get_order_by_token

ORDER_TOKEN_HEADER = "X-Order-Token"  # noqa: S105 - the header's name
MAX_ORDERS = 20
BUYER_ACTOR = "buyer"  # for the audit log: whoever has the token
_scheme: Any = Security(
    APIKeyHeader(
        name=ORDER_TOKEN_HEADER,
        auto_error=False,
        scheme_name="order token",
        description="Shown once, in the answer to `POST /api/orders`.",
    )
)


async def order_from_header(request: Request) -> Order:
    """The order of the request's token. Raises NotKnown and UnknownOrder."""
    token = request.headers.get(ORDER_TOKEN_HEADER, "").strip()
    if not token:
        await _reject_missing_token(request)
    return await order_from_token(request, token)


async def _reject_missing_token(request: Request) -> NoReturn:
    await rate_limit_by_address(request)
    raise NotKnown(
        f"send the order's token as {ORDER_TOKEN_HEADER}; the answer to POST /api/orders has it"
    )


async def order_from_token(request: Request, token: str) -> Order:
    """The order of a token. Guessing costs the guesser's address; who knows one has a ration."""
    serving = get_services(request)
    try:
        order = await run_in_threadpool(get_order_by_token, serving.database, token)
    except UnknownOrder:
        await rate_limit_by_address(request)
        raise
    enforce_rate_limit(serving, f"order {order.id}")
    return order


async def order_matching_path(
    order_id: IdInPath, order: Annotated[Order, Depends(order_from_header)]
) -> Order:
    """The same, when the path has its number; another's number is nobody's order."""
    if order_id != order.id:
        raise UnknownOrder("the token does not open this order")
    return order


async def orders_from_header(request: Request) -> list[Order]:
    """The orders of all the request's tokens, each once. Raises NotKnown and UnknownOrder."""
    tokens = request.headers.get(ORDER_TOKEN_HEADER, "").split(",")
    given = list(dict.fromkeys(token.strip() for token in tokens if token.strip()))
    if not given:
        await _reject_missing_token(request)
    return [await order_from_token(request, token) for token in given[:MAX_ORDERS]]


OrderFromHeader = Annotated[Order, Depends(order_from_header)]
OrderMatchingPath = Annotated[Order, Depends(order_matching_path)]
OrdersFromHeader = Annotated[list[Order], Depends(orders_from_header)]


def order_token_security() -> list[Dependency]:
    """What every operation behind an order's token declares."""
    return [_scheme]
