"""Refunds of an order: plan, apply the plan, and what staff do about refunds that are waiting."""

from fastapi import Response

from ticketing.access.admin_actions import AdminAction, require_admin
from ticketing.access.authentication import Operator
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.html import CheckedForm, PageDependency
from ticketing.console.orders.fields import (
    UnusableField,
    parse_flag,
    parse_refund,
    require_reason,
)
from ticketing.console.orders.list_page import ORDERS_PATH
from ticketing.console.orders.order_page import act_on_order
from ticketing.orders.order import Order
from ticketing.platform.http.fields import OrderIdInPath
from ticketing.platform.http.services import now, run_gateway_call
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds import outcome, service
from ticketing.selling.refunds.refund_plan import RefundPlan
from ticketing.selling.refunds.resolve_flag import refund_request_for_flag
from ticketing.selling.refunds.send_refunds import send_refunds

router = signed_in_pages_router(f"{ORDERS_PATH}/{{order_id:int}}/refunds", include_in_schema=False)


@router.post("/plan")
def plan(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Show what a refund would do: of chosen places, of an amount, or of what a flag is about."""
    database = page.services.database

    def plan_it(order: Order) -> RefundPlan:
        if fields.get("flag"):
            request = refund_request_for_flag(
                parse_flag(fields["flag"]), reason=require_reason(fields, needed=False),
                by_hand="by_hand" in fields,
            )  # fmt: skip
        else:
            request = parse_refund(fields, service.get_refund_fee(database, order.code))
        return service.plan_refund(database, order.code, request, at=now(), by=caller.actor)

    return act_on_order(page, caller, order_id, plan_it, given=fields, plan="refund_plan")


@router.post("")
async def apply(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Refund as planned. Sending the form twice refunds once."""
    require_admin(caller, AdminAction.APPLY_REFUND)
    return await run_gateway_call(
        lambda: act_on_order(
            page, caller, order_id,
            lambda order: service.apply_refund(
                page.services.database, page.services.get(Midtrans), order.code,
                plan_hash=fields.get("plan_hash", ""), at=now(), by=caller.actor,
            ),
            given=fields,
        )
    )  # fmt: skip


@router.post("/waiting")
async def answer_waiting(
    order_id: OrderIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Record a transfer by hand, send a failed refund again, or cancel a refund that waits."""
    require_admin(caller, AdminAction.APPLY_REFUND)
    database, by, key = page.services.database, caller.actor, fields.get("key") or None

    def answer(order: Order) -> None:
        match fields.get("answer"):
            case "transferred":
                reference = require_reason({"reason": fields.get("reference", "")})
                outcome.mark_transferred(
                    database, order.code, key=key, reference=reference, at=now(), by=by
                )
            case "retry":
                outcome.retry_refund(database, order.code, key=key, at=now(), by=by)
                gateway = page.services.get(Midtrans)
                send_refunds(database, gateway, order_id=order.id, at=now(), by=by)
            case "cancel":
                reason = require_reason({"reason": fields.get("reference", "")})
                outcome.cancel_refund(database, order.code, key=key, reason=reason, at=now(), by=by)
            case unknown:
                raise UnusableField(f"answer: {unknown!r} is not transferred, retry or cancel")

    return await run_gateway_call(
        lambda: act_on_order(page, caller, order_id, answer, given=fields)
    )
