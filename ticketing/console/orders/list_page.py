"""The list of orders with a search and filters."""

from typing import Annotated

from fastapi import Query, Response

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.home import PATH
from ticketing.console.html import PageDependency
from ticketing.console.orders import order_list_queries
from ticketing.console.orders.order_list_queries import OrderFilter
from ticketing.events.queries import get_event
from ticketing.orders.order import OrderState
from ticketing.platform.http.envelope import MAX_ID

ORDERS_PATH = f"{PATH}/orders"

router = signed_in_pages_router(ORDERS_PATH, include_in_schema=False)


@router.get("")
def show_orders(
    page: PageDependency, caller: AnyEventViewer, *,
    text: Annotated[str, Query(alias="q", max_length=100)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    event: Annotated[str, Query(max_length=100)] = "",
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
    flagged: Annotated[bool, Query()] = False,
) -> Response:  # fmt: skip
    """Return a page of the orders of the events that the caller may see, the newest first.

    A state that does not exist filters nothing: the address was typed or is of another version.
    """
    chosen = OrderState(state) if state in set(OrderState) else None
    known = get_event(page.services.database, event) if event else None
    wanted = OrderFilter(text, chosen, flagged, known.id if known else None)
    rows = page.services.database.run(
        order_list_queries.list_orders, wanted, only=caller.event_ids, before=before
    )
    size = order_list_queries.PAGE
    return page.render(
        "orders.html.j2", caller, orders=rows[:size], text=text.strip(), chosen=chosen or "",
        states=list(OrderState), flagged=flagged, event=known, is_first=before is None,
        following=rows[size - 1].id if len(rows) > size else 0,
    )  # fmt: skip
