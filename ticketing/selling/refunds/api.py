"""HTTP API of refunds: a request returns a plan with its hash; a second one applies the hash."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from ticketing.access.admin_actions import AdminAction, require_admin
from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer
from ticketing.access.caller import Caller
from ticketing.orders.order import ReviewFlag
from ticketing.orders.refund import Refund, RefundChannel, RefundState
from ticketing.platform.http.envelope import (
    Amount,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import OrderCode, OrderIdInPath, PlanHash, TicketTypeName
from ticketing.platform.http.services import Services, ServicesDependency, now, run_gateway_call
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest, RefundScope
from ticketing.selling.refunds.resolve_flag import refund_request_for_flag
from ticketing.selling.refunds.service import (
    apply_refund,
    get_refund_fee,
    list_order_refunds,
    plan_refund,
)

MAX_RUPIAH = 999_999_999_999
MAX_PLACES = 1000
PlaceNumber = Annotated[int, Field(ge=1, le=10**9, strict=True)]
RupiahAmount = Annotated[int, Field(ge=0, le=MAX_RUPIAH, strict=True)]

router = authenticated_router("/api/orders/{order_id:int}/refunds", "orders", 404)


class CreateRefundRequest(RequestModel):
    """A refund to be planned, or the hash of a plan to be applied.

    Without `places` all places are refunded; with only an `amount` none is. `flag` refunds the
    payments that raised this review flag, and resolves it.
    """

    model_config = with_example({"places": [1], "feePercent": 10, "reason": "ill"})

    places: Annotated[list[PlaceNumber], Field(max_length=MAX_PLACES)] | None = None
    """Numbers of the places to refund, as in a plan; null for all, or none if only an amount is
    given."""
    amount: RupiahAmount | None = None
    """Amount to refund in rupiah, without a fee; null for what the places cost."""
    surplus: bool = False
    """Whether late and double payments are refunded, instead of those for the places."""
    flag: ReviewFlag | None = None
    """The review flag whose payments are refunded; null for none. Only `reason` and `byHand` can be
    given with it."""
    by_hand: bool = False
    """Whether staff pay it back outside of the gateway, also where the gateway could."""
    fee_percent: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    """Percentage of the price that is kept; null for the fee of the event."""
    fee_each: RupiahAmount | None = None
    """Amount kept for each place, in rupiah; null for the fee of the event."""
    reason: Annotated[str, Field(max_length=255, pattern="^[^\\x00-\\x1f\\x7f]*$")] = ""
    """Why, in one line; it is sent to the gateway and kept. Empty for none."""
    plan_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """The hash of the plan to apply, as the only field; null to make a plan."""

    @model_validator(mode="after")
    def require_hash_alone(self) -> Self:
        """Refuse other fields beside the hash: a plan cannot be changed while it is applied."""
        if self.plan_hash is not None and len(self.model_fields_set) > 1:
            raise ValueError("planHash must be the only field: the plan contains the rest")
        if self.flag is not None and not self.model_fields_set <= {"flag", "reason", "by_hand"}:
            raise ValueError(
                "flag says what is refunded; only reason and byHand can be given with it"
            )
        return self


class RefundPartResponse(ResponseModel):
    """The refund of one payment; `why` explains a manual channel."""

    payment: Annotated[str, Field(validation_alias="attempt_key")]
    """Our key of the payment attempt at the gateway."""
    amount: Amount
    """Amount to refund in rupiah."""
    channel: RefundChannel
    """`gateway` pays it back itself; `manual` waits for a transfer by staff."""
    why: Annotated[str, Field(validation_alias="reason")]
    """Why the gateway cannot pay it back; empty if it can."""


class RefundPlaceResponse(ResponseModel):
    """A place or voucher to be refunded."""

    number: int
    """The place's number within the order, for `places` of a request."""
    ticket_type: TicketTypeName
    worth: Amount
    """Price of the place in rupiah, after its share of the discount."""
    ticket_code: str | None
    """Code of the ticket that is revoked; null if none was issued, and for a voucher."""
    delivered: bool
    """Whether the ticket was sent to its holder."""
    used: bool
    """Whether the voucher was used on its router, or the ticket at an entrance."""
    is_voucher: bool
    """Whether this is a voucher, not a place."""


class RefundPlanResponse(ResponseModel):
    """The effects of a refund; nothing has changed yet."""

    plan_hash: PlanHash
    amount: Amount
    """Amount to refund in rupiah: the sum of the parts."""
    kept: Amount
    """Fee that is kept, in rupiah."""
    places: list[RefundPlaceResponse]
    """Places whose tickets are revoked, and vouchers that end."""
    places_left: int
    """Number of places that the order keeps."""
    parts: list[RefundPartResponse]
    """The refunds, one for each payment."""
    notes: list[str]
    """What staff should know before they apply the plan, in English; empty for nothing."""


class RefundResponse(ResponseModel):
    """One refund."""

    key: str
    """Idempotency key of the refund at the gateway."""
    amount: Amount
    """Amount in rupiah."""
    channel: RefundChannel
    """`gateway`, `manual` for a transfer by staff, or `external` if it was made in the gateway's
    dashboard."""
    state: RefundState
    """`requested`, `sent` without an answer, `done`, `manual` until staff transferred it, `failed`,
    or `cancelled` by staff."""
    reason: str
    """Why; empty if no reason was given."""
    said: Annotated[str, Field(validation_alias="gateway_message")]
    """The gateway's last message; empty for none."""
    reference: str
    """Reference of the transfer by staff; empty for none."""


class OrderRefundsResponse(ResponseModel):
    """The refunds of an order, and the requested plan."""

    order_code: OrderCode
    plan: RefundPlanResponse | None = None
    """The plan that the request asked for; null in other answers."""
    refunds: list[RefundResponse]
    """All refunds of the order, oldest first."""


@router.get("")
def show(
    order_id: OrderIdInPath, services: ServicesDependency, _: Viewer
) -> SuccessResponse[OrderRefundsResponse]:
    """List the refunds of an order."""
    code, refunds = list_order_refunds(services.database, order_id)
    return SuccessResponse(data=_to_response(code, refunds))


@router.post("", responses=authenticated_error_responses(404, 409))
async def refund(
    order_id: OrderIdInPath,
    body: CreateRefundRequest,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[OrderRefundsResponse]:
    """Plan a refund, or apply a plan by `planHash`, which needs the role admin.

    Applying again continues where it stopped.
    """
    if body.plan_hash is None:
        answer = await run_gateway_call(lambda: _plan_refund(services, order_id, body, caller))
    else:
        plan_hash = body.plan_hash
        require_admin(caller, AdminAction.APPLY_REFUND)
        answer = await run_gateway_call(
            lambda: _apply_refund(services, order_id, plan_hash, caller)
        )
    return SuccessResponse(data=answer)


def _plan_refund(
    services: Services, order_id: int, body: CreateRefundRequest, caller: Caller
) -> OrderRefundsResponse:
    code, refunds = list_order_refunds(services.database, order_id)
    request = _refund_request(services, code, body)
    planned = plan_refund(services.database, code, request, at=now(), by=caller.actor)
    return _to_response(code, refunds, planned)


def _refund_request(services: Services, code: str, body: CreateRefundRequest) -> RefundRequest:
    if body.flag is not None:
        return refund_request_for_flag(body.flag, reason=body.reason, by_hand=body.by_hand)
    default_fee = get_refund_fee(services.database, code)
    is_amount_only = body.places is None and body.amount is not None
    return RefundRequest(
        places=() if is_amount_only else None if body.places is None else tuple(body.places),
        amount=None if body.amount is None else Rupiah(body.amount),
        money=RefundScope.SURPLUS if body.surplus else RefundScope.ORDER,
        fee=default_fee.changed(body.fee_percent, body.fee_each),
        reason=body.reason,
        by_hand=body.by_hand,
    )


def _apply_refund(
    services: Services, order_id: int, plan_hash: str, caller: Caller
) -> OrderRefundsResponse:
    code, _ = list_order_refunds(services.database, order_id)
    done = apply_refund(
        services.database, services.get(Midtrans), code, plan_hash=plan_hash,
        at=now(), by=caller.actor,
    )  # fmt: skip
    return _to_response(code, done.refunds)


def _to_response(
    code: str, refunds: Sequence[Refund], plan: RefundPlan | None = None
) -> OrderRefundsResponse:
    return OrderRefundsResponse.model_validate(
        {"order_code": code, "plan": plan, "refunds": refunds}
    )
