"""Refunds over HTTP: a plan and its hash first, then the same address with the hash alone."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field, model_validator

from ticketing.actions.apply_refund import apply_refund
from ticketing.actions.plan_refund import known_refunds, plan_refund, rule_of
from ticketing.domain.money import Rupiah
from ticketing.domain.refund_plans import Asked as Wanted
from ticketing.domain.refund_plans import Fee, Money, RefundPlan
from ticketing.domain.refunds import Channel, Refund, RefundState
from ticketing.gateways.midtrans import Midtrans
from ticketing.store.api_keys import ApiKey
from ticketing.web.answers import Answer, Asked, IdInPath, Said, Success
from ticketing.web.auth import Operator, Viewer, actor, guarded
from ticketing.web.guarded import GuardedRoute
from ticketing.web.order_doors import at_the_gateway
from ticketing.web.problems import documented
from ticketing.web.service import Service, Serving, now

MOST_RUPIAH = 999_999_999_999
MOST_PLACES = 1000
Number = Annotated[int, Field(ge=1, le=10**9, strict=True)]
Amount = Annotated[int, Field(ge=0, le=MOST_RUPIAH, strict=True)]

router = APIRouter(
    prefix="/api/orders/{order_id:int}/refunds",
    tags=["orders"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(404),
)


class RefundRequest(Asked):
    """What to plan; or, with a plan's hash and nothing else, what to do.

    Without places all of them end; with an amount alone none does.
    """

    places: Annotated[list[Number], Field(max_length=MOST_PLACES)] | None = None
    amount: Amount | None = None
    surplus: bool = False
    fee_percent: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    fee_each: Amount | None = None
    reason: Annotated[str, Field(max_length=255, pattern="^[^\\x00-\\x1f\\x7f]*$")] = ""
    plan_hash: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def a_hash_stands_alone(self) -> Self:
        """A plan cannot be changed while it is applied."""
        if self.plan_hash is not None and len(self.model_fields_set) > 1:
            raise ValueError("planHash stands alone: the plan knows the rest")
        return self


class PartShown(Said):
    """So much goes back of one payment; `why` says what keeps the gateway from it."""

    payment: str
    amount: int
    channel: Channel
    why: str


class PlaceShown(Said):
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


class PlanShown(Said):
    """What would happen; nothing has happened yet."""

    plan_hash: str
    amount: int
    kept: int
    places: list[PlaceShown]
    places_left: int
    parts: list[PartShown]
    notes: list[str]


class RefundShown(Said):
    """One sum on its way back."""

    key: str
    amount: int
    channel: Channel
    state: RefundState
    reason: str
    said: str
    reference: str


class RefundsShown(Said):
    """The order's refunds as they stand, and the plan that was asked for."""

    order_code: str
    plan: PlanShown | None = None
    refunds: list[RefundShown]


@router.get("")
def show(order_id: IdInPath, serving: Serving, _: Viewer) -> Success[RefundsShown]:
    """The order's refunds."""
    code, refunds = known_refunds(serving.database, order_id)
    return Success(data=RefundsShown(order_code=code, refunds=[_refund(one) for one in refunds]))


@router.post("", responses=documented(404, 409))
async def refund(
    order_id: IdInPath, asked: RefundRequest, serving: Serving, caller: Operator
) -> Success[RefundsShown]:
    """Plan a refund; with `planHash`, do what was planned. Done again, it goes on where it was."""
    if asked.plan_hash is None:
        answer = await at_the_gateway(lambda: _planned(serving, order_id, asked, caller))
    else:
        plan_hash = asked.plan_hash
        answer = await at_the_gateway(lambda: _applied(serving, order_id, plan_hash, caller))
    return Success(data=answer)


def _planned(serving: Service, order_id: int, asked: RefundRequest, caller: ApiKey) -> RefundsShown:
    code, refunds = known_refunds(serving.database, order_id)
    rule = rule_of(serving.database, code)
    alone = asked.places is None and asked.amount is not None
    wanted = Wanted(
        places=() if alone else None if asked.places is None else tuple(asked.places),
        amount=None if asked.amount is None else Rupiah(asked.amount),
        money=Money.SURPLUS if asked.surplus else Money.ORDER,
        fee=Fee(
            rule.percent if asked.fee_percent is None else asked.fee_percent,
            rule.each if asked.fee_each is None else Rupiah(asked.fee_each),
        ),
        reason=asked.reason,
    )
    planned = plan_refund(serving.database, code, wanted, at=now(), by=actor(caller))
    known = [_refund(one) for one in refunds]
    return RefundsShown(order_code=code, plan=_plan(planned), refunds=known)


def _applied(serving: Service, order_id: int, plan_hash: str, caller: ApiKey) -> RefundsShown:
    code, _ = known_refunds(serving.database, order_id)
    done = apply_refund(
        serving.database, serving.get(Midtrans), code, plan_hash=plan_hash,
        at=now(), by=actor(caller),
    )  # fmt: skip
    return RefundsShown(order_code=code, refunds=[_refund(one) for one in done.refunds])


def _plan(planned: RefundPlan) -> PlanShown:
    return PlanShown(
        plan_hash=planned.plan_hash,
        amount=planned.amount.amount,
        kept=planned.kept.amount,
        places=[
            PlaceShown(
                number=place.number,
                ticket_type=place.ticket_type,
                worth=place.worth.amount,
                ticket_code=place.ticket_code,
                delivered=place.delivered,
                used=place.used,
                is_voucher=place.voucher_id is not None,
            )
            for place in planned.places
        ],
        places_left=planned.places_left,
        parts=[
            PartShown(
                payment=part.attempt_key,
                amount=part.amount.amount,
                channel=part.channel,
                why=part.why,
            )
            for part in planned.parts
        ],
        notes=list(planned.notes),
    )


def _refund(one: Refund) -> RefundShown:
    return RefundShown(
        key=one.key,
        amount=one.amount.amount,
        channel=one.channel,
        state=one.state,
        reason=one.reason,
        said=one.said,
        reference=one.reference,
    )
