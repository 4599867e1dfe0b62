"""What an operator does about vouchers that did not come about, or did not reach their buyer."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from ticketing.access.guarded_route import GuardedRoute
from ticketing.access.http import Operator, actor, guarded
from ticketing.monitoring.schemas import HandedShown, handed_shown
from ticketing.monitoring.service import resend_codes
from ticketing.platform.http.envelope import Answer, Asked, Id, IdInPath, Problem, Said, Success
from ticketing.platform.http.errors import documented
from ticketing.platform.http.services import Serving, now
from ticketing.platform.kernel.errors import Refused
from ticketing.vouchers.maintenance import clean_up_expired, clean_up_failed
from ticketing.vouchers.reissue import Regenerated, regenerate, regenerate_each

PURCHASES_AT_MOST = 500

router = APIRouter(
    prefix="/voucher/api",
    tags=["vouchers"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(409),
)


class RegeneratedShown(Said):
    """What there is of a purchase's vouchers: `due` are asked for from now on."""

    purchase_id: int
    due: int
    present: int
    ended: int


class ManyPurchases(Asked):
    """Purchases by their numbers; each counts once."""

    purchase_ids: Annotated[list[Id], Field(min_length=1, max_length=PURCHASES_AT_MOST)]


class Result(Said):
    """What became of one purchase: its vouchers, or why not."""

    purchase_id: int
    regenerated: RegeneratedShown | None = None
    error: Problem | None = None


class Results(Said):
    """What became of all of them, in the order in which they were named."""

    regenerated_count: int
    refused_count: int
    results: list[Result]


class CleanedUp(Said):
    """Vouchers that ended: `leftOver` by purchases that came to nothing, or `expired`."""

    left_over: int
    expired: int


@router.post("/retry-delivery/{purchase_id}", responses=documented(404, 409))
def retry_delivery(
    purchase_id: IdInPath, serving: Serving, caller: Operator
) -> Success[HandedShown]:
    """Send a purchase's codes now; what was sent already goes as another copy."""
    handed = resend_codes(serving.database, purchase_id, at=now(), by=actor(caller))
    return Success(data=handed_shown(handed))


@router.post("/regenerate-voucher/{purchase_id}", responses=documented(404, 409))
def regenerate_voucher(
    purchase_id: IdInPath, serving: Serving, caller: Operator
) -> Success[RegeneratedShown]:
    """Ask the router now for what is still owed; a voucher that is there stays as it is."""
    done = regenerate(serving.database, purchase_id, at=now(), by=actor(caller))
    return Success(data=_shown(purchase_id, done))


@router.post("/bulk-regenerate")
def bulk_regenerate(asked: ManyPurchases, serving: Serving, caller: Operator) -> Success[Results]:
    """The same for many purchases, each by itself: one that is refused stops no other."""
    ids, by = asked.purchase_ids, actor(caller)
    done = regenerate_each(serving.database, ids, at=now(), by=by)
    results = [_result(purchase_id, one) for purchase_id, one in done]
    refused = sum(one.error is not None for one in results)
    return Success(
        data=Results(
            regenerated_count=len(results) - refused, refused_count=refused, results=results
        )
    )


@router.post("/cleanup-failed/{purchase_id}", responses=documented(404, 409))
def cleanup_failed(purchase_id: IdInPath, serving: Serving, caller: Operator) -> Success[CleanedUp]:
    """End the vouchers of a purchase that came to nothing; the purchase itself is kept."""
    ended = clean_up_failed(serving.database, purchase_id, at=now(), by=actor(caller))
    return Success(data=CleanedUp(left_over=ended.left_over, expired=ended.expired))


@router.post("/cleanup-expired")
def cleanup_expired(serving: Serving, caller: Operator) -> Success[CleanedUp]:
    """End every voucher that is out of its time, and what ended purchases have left behind."""
    ended = clean_up_expired(serving.database, at=now(), by=actor(caller))
    return Success(data=CleanedUp(left_over=ended.left_over, expired=ended.expired))


def _result(purchase_id: int, one: Regenerated | Refused) -> Result:
    if isinstance(one, Refused):
        why = Problem(code=one.code, message=str(one), details={})
        return Result(purchase_id=purchase_id, error=why)
    return Result(purchase_id=purchase_id, regenerated=_shown(purchase_id, one))


def _shown(purchase_id: int, one: Regenerated) -> RegeneratedShown:
    return RegeneratedShown(
        purchase_id=purchase_id, due=one.due, present=one.present, ended=one.ended
    )
