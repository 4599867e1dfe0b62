"""What staff do about an order without a refund: contact, messages, cancelling, questions."""

from typing import Annotated

from fastapi import Path, Response

from ticketing.access.authentication import Operator
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.html import CheckedForm, PageDependency
from ticketing.console.orders.fields import parse_flag, require_reason
from ticketing.console.orders.list_page import ORDERS_PATH
from ticketing.console.orders.order_page import act_on_order
from ticketing.crypto.keyring import KeyRing
from ticketing.notifications import order_delivery_queries
from ticketing.notifications.admin import UnknownDelivery, resend_delivery
from ticketing.orders.order import Order
from ticketing.platform.http.envelope import MAX_ID
from ticketing.platform.http.fields import OrderIdInPath
from ticketing.platform.http.services import Services, now, run_gateway_call
from ticketing.selling.checkout.api import cancel_order_and_sessions
from ticketing.selling.contacts.correct_contact import correct_contact
from ticketing.selling.refunds.resolve_flag import complete_late_order, dismiss_flag
from ticketing.selling.review.accept_payment import apply_acceptance, plan_acceptance

router = signed_in_pages_router(f"{ORDERS_PATH}/{{order_id:int}}", include_in_schema=False)


@router.post("/contact")
def correct(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Correct the contact of the buyer; everything is sent again, to the new one only."""
    return act_on_order(
        page, caller, order_id,
        lambda order: correct_contact(
            page.services.database, page.services.get(KeyRing), order.code,
            fields.get("contact", ""), reason=require_reason(fields, needed=False), at=now(),
            by=caller.actor,
        ),
        given=fields,
    )  # fmt: skip


@router.post("/messages/{delivery_id}/resend")
def resend(
    order_id: OrderIdInPath,
    delivery_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    page: PageDependency,
    caller: Operator,
    fields: CheckedForm,
) -> Response:
    """Send a message of the order again."""
    return act_on_order(
        page, caller, order_id,
        lambda order: _resend(page.services, order, delivery_id, by=caller.actor), given=fields,
    )  # fmt: skip


def _resend(services: Services, order: Order, delivery_id: int, *, by: str) -> None:
    """Refuse a message of another order: the caller may be restricted to events."""
    find = order_delivery_queries.is_delivery_of_order
    if not services.database.run(find, delivery_id, order.code):
        raise UnknownDelivery(f"order {order.code} has no message {delivery_id}")
    resend_delivery(services.database, delivery_id, at=now(), by=by)


@router.post("/cancel")
async def cancel(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Cancel an unpaid order, and close its checkout sessions at the gateway."""
    return await run_gateway_call(
        lambda: act_on_order(
            page, caller, order_id,
            lambda order: cancel_order_and_sessions(page.services, order.id, by=caller.actor),
            given=fields,
        )
    )  # fmt: skip


@router.post("/flags")
def answer_flag(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Answer a review flag: places for a late payment, or a note with the reason."""

    def answer(order: Order) -> None:
        flag, database = parse_flag(fields.get("flag", "")), page.services.database
        if fields.get("answer") == "complete":
            complete_late_order(database, order.code, at=now(), by=caller.actor)
        else:
            reason = require_reason(fields)
            dismiss_flag(database, order.code, flag, reason=reason, at=now(), by=caller.actor)

    return act_on_order(page, caller, order_id, answer, given=fields)


@router.post("/accepted-payments/plan")
def plan_accepting(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Show what accepting a payment of another amount would do."""
    return act_on_order(
        page, caller, order_id,
        lambda order: plan_acceptance(
            page.services.database, order.code, reason=require_reason(fields), at=now(),
            by=caller.actor,
        ),
        given=fields, plan="acceptance",
    )  # fmt: skip


@router.post("/accepted-payments")
def accept(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Accept the payment of another amount as planned; the order is settled by it."""
    return act_on_order(
        page, caller, order_id,
        lambda order: apply_acceptance(
            page.services.database, order.code, plan_hash=fields.get("plan_hash", ""), at=now(),
            by=caller.actor,
        ),
        given=fields,
    )  # fmt: skip
