"""The page of one order: lines, places, payments, messages, and everything that happened."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from fastapi import Response

from ticketing.access.authentication import Viewer
from ticketing.access.caller import Caller, Role
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.html import ConsolePage, PageDependency, redirect
from ticketing.console.orders.list_page import ORDERS_PATH
from ticketing.console.orders.timeline import build_timeline
from ticketing.events.queries import get_event
from ticketing.notifications import order_delivery_queries
from ticketing.notifications.delivery import Channel
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState
from ticketing.orders.refund import RefundState
from ticketing.platform.http.fields import OrderIdInPath
from ticketing.platform.kernel.errors import Refused
from ticketing.selling.refunds.order_history_queries import get_history
from ticketing.selling.refunds.resolve_flag import SURPLUS_FLAGS

MESSAGES = 100
T = TypeVar("T")

router = signed_in_pages_router(ORDERS_PATH, include_in_schema=False)


@router.get("/{order_id:int}")
def show_order(order_id: OrderIdInPath, page: PageDependency, caller: Viewer) -> Response:
    """Return an order with its history, and what the caller may do about it."""
    return render_order(page, caller, order_id)


def render_order(
    page: ConsolePage,
    caller: Caller,
    order_id: int,
    *,
    status: int = 200,
    problem: str = "",
    given: Mapping[str, str] | None = None,
    plans: Mapping[str, object] | None = None,
) -> Response:
    """Return the page, with the plan of an action or the reason why it was refused."""
    database = page.services.database
    with database.transaction() as connection:
        history = get_history(connection, order_queries.get(connection, order_id))
        messages = order_delivery_queries.list_order_deliveries(
            connection, history.order.code, limit=MESSAGES
        )
    return page.render(
        "order_page.html.j2", caller, status=status, problem=problem, given=given or {},
        event=get_event(database, str(history.order.event_id)), history=history,
        order=history.order, messages=messages, timeline=build_timeline(history, messages),
        may_refund=caller.role.includes(Role.ADMIN), surplus_flags=SURPLUS_FLAGS,
        is_pending=history.order.state is OrderState.PENDING,
        is_expired=history.order.state is OrderState.EXPIRED,
        has_money=any(one.state.has_taken_money for one in history.attempts),
        waiting_refunds=[
            one for one in history.refunds if one.state in {RefundState.MANUAL, RefundState.FAILED}
        ],
        no_address=Channel.LINK, refund_plan=(plans or {}).get("refund_plan"),
        acceptance=(plans or {}).get("acceptance"),
    )  # fmt: skip


def act_on_order(
    page: ConsolePage,
    caller: Caller,
    order_id: int,
    act: Callable[[Order], T],
    *,
    given: Mapping[str, str],
    plan: str = "",
) -> Response:
    """Do something about an order, and lead to its page; a refusal is shown on it.

    With `plan`, the name of a plan on the page, the result of `act` is shown instead.
    """
    order = page.services.database.run(order_queries.get, order_id)
    try:
        result = act(order)
    except Refused as error:
        return render_order(
            page, caller, order_id, status=error.status, problem=str(error), given=given
        )
    if plan:
        return render_order(page, caller, order_id, given=given, plans={plan: result})
    return redirect(f"{ORDERS_PATH}/{order_id}")
