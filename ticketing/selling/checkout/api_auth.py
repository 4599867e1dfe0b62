"""The buyer's doors: an order's token opens that order, and strangers may ask only so often."""

from typing import Annotated, Any, NoReturn

from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader

from ticketing.access.http import ration, rationed
from ticketing.orders.order import Order
from ticketing.platform.http.envelope import IdInPath
from ticketing.platform.http.errors import NotKnown
from ticketing.platform.http.services import service
from ticketing.platform.kernel.errors import UnknownOrder
from ticketing.selling.checkout.order_access import order_behind

HEADER = "X-Order-Token"
ORDERS_AT_MOST = 20
BY = "buyer"  # for the audit log: whoever has the token
_scheme: Any = Security(
    APIKeyHeader(
        name=HEADER,
        auto_error=False,
        scheme_name="order token",
        description="Shown once, in the answer to `POST /api/orders`.",
    )
)


async def opened(request: Request) -> Order:
    """The order of the request's token. Raises NotKnown and UnknownOrder."""
    token = request.headers.get(HEADER, "").strip()
    if not token:
        await _refuse(request)
    return await behind(request, token)


async def _refuse(request: Request) -> NoReturn:
    await rationed(request)
    raise NotKnown(f"send the order's token as {HEADER}; the answer to POST /api/orders has it")


async def behind(request: Request, token: str) -> Order:
    """The order of a token. Guessing costs the guesser's address; who knows one has a ration."""
    serving = service(request)
    try:
        order = await run_in_threadpool(order_behind, serving.database, token)
    except UnknownOrder:
        await rationed(request)
        raise
    ration(serving, f"order {order.id}")
    return order


async def opened_by_number(order_id: IdInPath, order: Annotated[Order, Depends(opened)]) -> Order:
    """The same, when the path has its number; another's number is nobody's order."""
    if order_id != order.id:
        raise UnknownOrder("the token does not open this order")
    return order


async def opened_list(request: Request) -> list[Order]:
    """The orders of all the request's tokens, each once. Raises NotKnown and UnknownOrder."""
    tokens = request.headers.get(HEADER, "").split(",")
    given = list(dict.fromkeys(token.strip() for token in tokens if token.strip()))
    if not given:
        await _refuse(request)
    return [await behind(request, token) for token in given[:ORDERS_AT_MOST]]


Opened = Annotated[Order, Depends(opened)]
OpenedByNumber = Annotated[Order, Depends(opened_by_number)]
OpenedList = Annotated[list[Order], Depends(opened_list)]


def order_token() -> list[Dependency]:
    """What every operation behind an order's token declares."""
    return [_scheme]
