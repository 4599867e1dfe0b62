"""Endpoints for operators: resend codes, regenerate vouchers, clean up."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import Operator, auth_dependencies
from ticketing.monitoring.schemas import DeliveryStatusResponse
from ticketing.monitoring.service import resend_codes
from ticketing.platform.http.envelope import (
    AsciiJSONResponse,
    ErrorDetail,
    Id,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import PurchaseId, PurchaseIdInPath
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.platform.kernel.errors import Refused
from ticketing.vouchers.maintenance import clean_up_expired, clean_up_order
from ticketing.vouchers.reissue import RegenerationResult, regenerate, regenerate_each

MAX_BULK_PURCHASES = 500

router = APIRouter(
    prefix="/voucher/api",
    tags=["vouchers"],
    route_class=AuthenticatedRoute,
    default_response_class=AsciiJSONResponse,
    dependencies=auth_dependencies(),
    responses=authenticated_error_responses(409),
)


class RegeneratedResponse(ResponseModel):
    """A purchase's vouchers by state; `due` ones are requested from the router now."""

    purchase_id: PurchaseId
    due: int
    """Number of vouchers that are requested from the router now."""
    present: int
    """Number of vouchers that are active on the router."""
    ended: int
    """Number of vouchers that are revoked or removed."""


class BulkRegenerateRequest(RequestModel):
    """Purchases by id; duplicates count once."""

    model_config = with_example({"purchaseIds": [4711, 4712]})

    purchase_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BULK_PURCHASES)]
    """The purchases; one that is named twice counts once."""


class BulkRegenerateResult(ResponseModel):
    """Result of one purchase: its vouchers, or the error."""

    purchase_id: PurchaseId
    regenerated: RegeneratedResponse | None = None
    """The vouchers of the purchase; null if it was refused."""
    error: ErrorDetail | None = None
    """Why it was refused; null if it was not."""


class BulkRegenerateResponse(ResponseModel):
    """Results of all purchases, in the order of the request."""

    regenerated_count: int
    """Number of purchases whose missing vouchers are requested."""
    refused_count: int
    """Number of refused purchases."""
    results: list[BulkRegenerateResult]
    """One result for each purchase, in the order of the request."""


class CleanUpResponse(ResponseModel):
    """Revoked vouchers: `leftOver` of unpaid or reversed purchases, or `expired`."""

    left_over: int
    """Number of revoked vouchers of unpaid or reversed purchases."""
    expired: int
    """Number of revoked vouchers whose validity has ended."""


@router.post("/retry-delivery/{purchase_id}", responses=authenticated_error_responses(404, 409))
def retry_delivery(
    purchase_id: PurchaseIdInPath, services: ServicesDependency, caller: Operator
) -> SuccessResponse[DeliveryStatusResponse]:
    """Send a purchase's codes now; codes already sent are sent as another copy."""
    delivery = resend_codes(services.database, purchase_id, at=now(), by=caller.actor)
    return SuccessResponse(data=delivery)


@router.post("/regenerate-voucher/{purchase_id}", responses=authenticated_error_responses(404, 409))
def regenerate_voucher(
    purchase_id: PurchaseIdInPath, services: ServicesDependency, caller: Operator
) -> SuccessResponse[RegeneratedResponse]:
    """Request the missing vouchers from the router now; active vouchers stay unchanged."""
    done = regenerate(services.database, purchase_id, at=now(), by=caller.actor)
    return SuccessResponse(data=_to_regenerated_response(purchase_id, done))


@router.post("/bulk-regenerate")
def bulk_regenerate(
    body: BulkRegenerateRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[BulkRegenerateResponse]:
    """Regenerate many purchases, each on its own; a refusal does not stop the others."""
    ids, by = body.purchase_ids, caller.actor
    done = regenerate_each(services.database, ids, at=now(), by=by)
    results = [_result(purchase_id, one) for purchase_id, one in done]
    refused = sum(one.error is not None for one in results)
    return SuccessResponse(
        data=BulkRegenerateResponse(
            regenerated_count=len(results) - refused, refused_count=refused, results=results
        )
    )


@router.post("/cleanup-failed/{purchase_id}", responses=authenticated_error_responses(404, 409))
def cleanup_failed(
    purchase_id: PurchaseIdInPath, services: ServicesDependency, caller: Operator
) -> SuccessResponse[CleanUpResponse]:
    """Revoke the vouchers of a purchase that ended unpaid or was reversed; the purchase is kept."""
    ended = clean_up_order(services.database, purchase_id, at=now(), by=caller.actor)
    return SuccessResponse(data=CleanUpResponse(left_over=ended.left_over, expired=ended.expired))


@router.post("/cleanup-expired")
def cleanup_expired(
    services: ServicesDependency, caller: Operator
) -> SuccessResponse[CleanUpResponse]:
    """Revoke every expired voucher and those of ended purchases."""
    ended = clean_up_expired(services.database, at=now(), by=caller.actor)
    return SuccessResponse(data=CleanUpResponse(left_over=ended.left_over, expired=ended.expired))


def _result(purchase_id: int, one: RegenerationResult | Refused) -> BulkRegenerateResult:
    if isinstance(one, Refused):
        why = ErrorDetail(code=one.code, message=str(one), details={})
        return BulkRegenerateResult(purchase_id=purchase_id, error=why)
    return BulkRegenerateResult(
        purchase_id=purchase_id, regenerated=_to_regenerated_response(purchase_id, one)
    )


def _to_regenerated_response(purchase_id: int, one: RegenerationResult) -> RegeneratedResponse:
    return RegeneratedResponse(
        purchase_id=purchase_id, due=one.due, present=one.present, ended=one.ended
    )
