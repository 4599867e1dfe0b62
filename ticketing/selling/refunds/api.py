"""Refunds over HTTP: a plan and its hash first, then the same address with the hash alone."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field, model_validator

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import Operator, Viewer, actor, auth_dependencies
from ticketing.access.queries import ApiKey
from ticketing.orders.fee import RefundFee
from ticketing.orders.refund import Refund, RefundChannel, RefundState
from ticketing.platform.http.envelope import (
    AsciiJSONResponse,
    IdInPath,
    RequestModel,
    ResponseModel,
    SuccessResponse,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.limits import run_gateway_call
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.money import Rupiah
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundScope
from ticketing.selling.refunds.refund_plan import RefundRequest as Wanted
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

router = APIRouter(
    prefix="/api/orders/{order_id:int}/refunds",
    tags=["orders"],
    route_class=AuthenticatedRoute,
    default_response_class=AsciiJSONResponse,
    dependencies=auth_dependencies(),
    responses=authenticated_error_responses(404),
)


class CreateRefundRequest(RequestModel):
    """What to plan; or, with a plan's hash and nothing else, what to do.

    Without places all of them end; with an amount alone none does.
    """

    places: Annotated[list[PlaceNumber], Field(max_length=MAX_PLACES)] | None = None
    amount: RupiahAmount | None = None
    surplus: bool = False
    fee_percent: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    fee_each: RupiahAmount | None = None
    reason: Annotated[str, Field(max_length=255, pattern="^[^\\x00-\\x1f\\x7f]*$")] = ""
    plan_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def require_hash_alone(self) -> Self:
        """A plan cannot be changed while it is applied."""
        if self.plan_hash is not None and len(self.model_fields_set) > 1:
            raise ValueError("planHash stands alone: the plan knows the rest")
        return self


class RefundPartResponse(ResponseModel):
    """So much goes back of one payment; `why` says what keeps the gateway from it."""

    payment: str
    amount: int
    channel: RefundChannel
    why: str


class RefundPlaceResponse(ResponseModel):
    """A place or voucher that would end.

    Whether a ticket was used is null: no check-ins are kept yet. A voucher's first use is known.
    """

    number: int
    ticket_type: str
    worth: int
    ticket_code: str | None
    delivered: bool
    used: bool | None
    is_voucher: bool


class RefundPlanResponse(ResponseModel):
    """What would happen; nothing has happened yet."""

    plan_hash: str
    amount: int
    kept: int
    places: list[RefundPlaceResponse]
    places_left: int
    parts: list[RefundPartResponse]
    notes: list[str]


class RefundResponse(ResponseModel):
    """One sum on its way back."""

    key: str
    amount: int
    channel: RefundChannel
    state: RefundState
    reason: str
    said: str
    reference: str


class OrderRefundsResponse(ResponseModel):
    """The order's refunds as they stand, and the plan that was asked for."""

    order_code: str
    plan: RefundPlanResponse | None = None
    refunds: list[RefundResponse]


@router.get("")
def show(
    order_id: IdInPath, services: ServicesDependency, _: Viewer
) -> SuccessResponse[OrderRefundsResponse]:
    """The order's refunds."""
    code, refunds = list_order_refunds(services.database, order_id)
    return SuccessResponse(
        data=OrderRefundsResponse(
            order_code=code, refunds=[_to_refund_response(one) for one in refunds]
        )
    )


@router.post("", responses=authenticated_error_responses(404, 409))
async def refund(
    order_id: IdInPath, asked: CreateRefundRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[OrderRefundsResponse]:
    """Plan a refund; with `planHash`, do what was planned. Done again, it goes on where it was."""
    if asked.plan_hash is None:
        answer = await run_gateway_call(lambda: _plan_refund(services, order_id, asked, caller))
    else:
        plan_hash = asked.plan_hash
        answer = await run_gateway_call(
            lambda: _apply_refund(services, order_id, plan_hash, caller)
        )
    return SuccessResponse(data=answer)


def _plan_refund(
    services: Services, order_id: int, body: CreateRefundRequest, caller: ApiKey
) -> OrderRefundsResponse:
    code, refunds = list_order_refunds(services.database, order_id)
    rule = get_refund_fee(services.database, code)
    alone = body.places is None and body.amount is not None
    wanted = Wanted(
        places=() if alone else None if body.places is None else tuple(body.places),
        amount=None if body.amount is None else Rupiah(body.amount),
        money=RefundScope.SURPLUS if body.surplus else RefundScope.ORDER,
        fee=RefundFee(
            rule.percent if body.fee_percent is None else body.fee_percent,
            rule.each if body.fee_each is None else Rupiah(body.fee_each),
        ),
        reason=body.reason,
    )
    planned = plan_refund(services.database, code, wanted, at=now(), by=actor(caller))
    known = [_to_refund_response(one) for one in refunds]
    return OrderRefundsResponse(order_code=code, plan=_to_plan_response(planned), refunds=known)


def _apply_refund(
    services: Services, order_id: int, plan_hash: str, caller: ApiKey
) -> OrderRefundsResponse:
    code, _ = list_order_refunds(services.database, order_id)
    done = apply_refund(
        services.database, services.get(Midtrans), code, plan_hash=plan_hash,
        at=now(), by=actor(caller),
    )  # fmt: skip
    return OrderRefundsResponse(
        order_code=code, refunds=[_to_refund_response(one) for one in done.refunds]
    )


def _to_plan_response(plan: RefundPlan) -> RefundPlanResponse:
    return RefundPlanResponse(
        plan_hash=plan.plan_hash,
        amount=plan.amount.amount,
        kept=plan.kept.amount,
        places=[
            RefundPlaceResponse(
                number=place.number,
                ticket_type=place.ticket_type,
                worth=place.worth.amount,
                ticket_code=place.ticket_code,
                delivered=place.delivered,
                used=place.used,
                is_voucher=place.voucher_id is not None,
            )
            for place in plan.places
        ],
        places_left=plan.places_left,
        parts=[
            RefundPartResponse(
                payment=part.attempt_key,
                amount=part.amount.amount,
                channel=part.channel,
                why=part.why,
            )
            for part in plan.parts
        ],
        notes=list(plan.notes),
    )


def _to_refund_response(one: Refund) -> RefundResponse:
    return RefundResponse(
        key=one.key,
        amount=one.amount.amount,
        channel=one.channel,
        state=one.state,
        reason=one.reason,
        said=one.said,
        reference=one.reference,
    )
