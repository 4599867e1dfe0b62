"""HTTP API of review flags: plan and apply what answers them."""

from typing import Annotated, Literal

from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator
from ticketing.access.caller import Caller
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.http.envelope import (
    Amount,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import OrderCode, OrderIdInPath, PlanHash
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.selling.payments import assign_transaction
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.resolve_flag import complete_late_order, dismiss_flag
from ticketing.selling.review.accept_payment import apply_acceptance, plan_acceptance

router = authenticated_router("/api/orders/{order_id:int}", "orders", 404, 409)

Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern="^[^\\x00-\\x1f\\x7f]*$",
        description="Why, in one line; it is kept in the audit log.",
    ),
]
TransactionId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=100,
        pattern="^[!-~]+$",
        description="The id of the payment at the gateway.",
    ),
]
PaymentKey = Annotated[str, Field(description="Our key of the payment attempt at the gateway.")]


class PlanAcceptanceRequest(RequestModel):
    """A payment of another amount is to be accepted; nothing changes yet."""

    model_config = with_example({"reason": "the promotion of the bank pays the rest"})

    reason: Reason


class PlanAssignmentRequest(RequestModel):
    """A transaction at the gateway is to be assigned to the order; nothing changes yet."""

    model_config = with_example(
        {
            "transactionId": "57d5293c-e65f-4a29-95e4-5959c3fa335b",
            "reason": "the buyer showed the receipt",
        }
    )

    transaction_id: TransactionId
    reason: Reason


class ApplyPlanRequest(RequestModel):
    """A plan to be applied."""

    model_config = with_example({"planHash": "0123456789abcdef" * 4})

    plan_hash: Annotated[PlanHash, Field(pattern="^[0-9a-f]{64}$")]


class ResolveFlagRequest(RequestModel):
    """The answer to a review flag that moves no money: places for a late payment, or a note.

    A refund is planned with `POST /api/orders/{orderId}/refunds` and `flag`.
    """

    model_config = with_example(
        {"flag": "paid_late", "by": "complete", "reason": "places were left"}
    )

    flag: ReviewFlag
    """The open review flag to answer."""
    by: Literal["complete", "note"]
    """`complete` gives an order that was paid late its places; `note` only records the reason."""
    reason: Reason


class AcceptancePlanResponse(ResponseModel):
    """The effect of accepting a payment. `difference` is what came minus what was requested."""

    plan_hash: PlanHash
    order_code: OrderCode
    payment: Annotated[PaymentKey, Field(validation_alias="attempt_key")]
    instalment: int | None
    """Number of the instalment that the payment is for; null for the whole order."""
    requested: Amount
    """Amount that was to be paid, in rupiah."""
    received: Amount
    """Amount that was paid, in rupiah."""
    difference: int
    """Received minus requested in rupiah: negative for a shortfall."""


class AssignmentPlanResponse(ResponseModel):
    """The effect of assigning a transaction; `endsOrder` is the order that loses its payment."""

    plan_hash: PlanHash
    order_code: OrderCode
    payment: Annotated[PaymentKey, Field(validation_alias="attempt_key")]
    requested: Amount
    """Amount that was to be paid, in rupiah."""
    transaction_id: str
    """The id of the payment at the gateway."""
    transaction_state: AttemptState
    """State of the transaction in the gateway's words."""
    amount: Amount
    """Amount of the transaction in rupiah."""
    taken_from: str
    """Key of the payment attempt that had the transaction until now; empty for none."""
    ends_order: str
    """Code of the order that is cancelled because it loses its payment; empty for none."""


class ResolvedOrderResponse(ResponseModel):
    """The order afterwards."""

    order_code: Annotated[OrderCode, Field(validation_alias="code")]
    state: OrderState
    """State of the order afterwards: `pending`, `paid`, `cancelled` or `expired`."""


@router.post("/accepted-payments/plan")
def plan_accepting(
    order_id: OrderIdInPath,
    body: PlanAcceptanceRequest,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[AcceptancePlanResponse]:
    """Show what accepting the payment of another amount would do."""
    code = _code_of(services, order_id)
    plan = plan_acceptance(services.database, code, reason=body.reason, at=now(), by=caller.actor)
    return SuccessResponse(data=AcceptancePlanResponse.model_validate(plan))


@router.post("/accepted-payments")
def accept(
    order_id: OrderIdInPath, body: ApplyPlanRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[ResolvedOrderResponse]:
    """Accept the payment of another amount as planned; the order is completed by it."""
    code = _code_of(services, order_id)
    order = apply_acceptance(
        services.database, code, plan_hash=body.plan_hash, at=now(), by=caller.actor
    )
    return _to_response(order)


@router.post("/transactions/plan", responses=authenticated_error_responses(502, 503))
async def plan_assigning(
    order_id: OrderIdInPath,
    body: PlanAssignmentRequest,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[AssignmentPlanResponse]:
    """Ask the gateway about a transaction, and show what assigning it to the order would do."""
    plan = await run_gateway_call(lambda: _plan_assignment(services, order_id, body, caller))
    return SuccessResponse(data=AssignmentPlanResponse.model_validate(plan))


@router.post("/transactions", responses=authenticated_error_responses(502, 503))
async def assign(
    order_id: OrderIdInPath, body: ApplyPlanRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[ResolvedOrderResponse]:
    """Assign a transaction at the gateway to the order as planned."""
    order = await run_gateway_call(
        lambda: assign_transaction.apply_assignment(
            services.database, services.get(Midtrans), _code_of(services, order_id),
            plan_hash=body.plan_hash, at=now(), by=caller.actor,
        )
    )  # fmt: skip
    return _to_response(order)


@router.post("/resolved-flags")
def resolve(
    order_id: OrderIdInPath,
    body: ResolveFlagRequest,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[ResolvedOrderResponse]:
    """Resolve a review flag with places for a late payment, or with a note."""
    code, by = _code_of(services, order_id), caller.actor
    if body.by == "complete":
        complete_late_order(services.database, code, at=now(), by=by)
    else:
        dismiss_flag(services.database, code, body.flag, reason=body.reason, at=now(), by=by)
    return _to_response(services.database.run(order_queries.get, order_id))


def _plan_assignment(
    services: Services, order_id: int, body: PlanAssignmentRequest, caller: Caller
) -> assign_transaction.AssignmentPlan:
    return assign_transaction.plan_assignment(
        services.database, services.get(Midtrans), _code_of(services, order_id),
        transaction_id=body.transaction_id, reason=body.reason, at=now(), by=caller.actor,
    )  # fmt: skip


def _code_of(services: Services, order_id: int) -> str:
    return services.database.run(order_queries.get, order_id).code


def _to_response(order: Order) -> SuccessResponse[ResolvedOrderResponse]:
    return SuccessResponse(data=ResolvedOrderResponse.model_validate(order))
