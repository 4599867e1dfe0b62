"""Endpoints for WhatsApp status webhooks: stored in the request, processed afterwards."""

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import PlainTextResponse

from ticketing.notifications.inbound.process_webhooks import store_status_webhook
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, WhatsAppProviderConfig
from ticketing.notifications.whatsapp.status_webhooks import answer_challenge
from ticketing.platform.http.envelope import AsciiJSONResponse, ResponseModel, SuccessResponse
from ticketing.platform.http.errors import error_responses
from ticketing.platform.http.services import get_services, now
from ticketing.platform.kernel.errors import SignatureMismatch

# separate from other endpoints: the receipts of a campaign come by the thousand
STATUS_WEBHOOK_LIMITER = CapacityLimiter(4)

router = APIRouter(
    prefix="/webhooks/whatsapp", tags=["messages"], default_response_class=AsciiJSONResponse
)

Vendor = Annotated[WhatsAppProvider, Path(description="The configured WhatsApp provider.")]


class StatusWebhookResponse(ResponseModel):
    """The report is stored; `known` is true if it was stored before."""

    known: bool
    """Whether the same report was stored before."""


def _get_provider_config(request: Request, vendor: WhatsAppProvider) -> WhatsAppProviderConfig:
    config = get_services(request).find(WhatsAppProviderConfig)
    if config is None or config.provider is not vendor:
        raise SignatureMismatch(f"{vendor} is not configured")
    return config


@router.get(
    "/{vendor}",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **error_responses(403, 422)},
)
async def challenge(vendor: Vendor, request: Request) -> Response:
    """Answer Meta's verification of the webhook address; 403 unless the verify token matches."""
    answer = answer_challenge(
        request.query_params, _get_provider_config(request, vendor).verify_token
    )
    if answer is None:
        raise SignatureMismatch("the verify token is wrong")
    return PlainTextResponse(answer)


@router.post(
    "/{vendor}",
    responses=error_responses(403, 413, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def report(vendor: Vendor, request: Request) -> SuccessResponse[StatusWebhookResponse]:
    """Store a status webhook signed by the provider; 200 ends the provider's retries."""
    config = _get_provider_config(request, vendor)
    body = await request.body()
    if not config.has_valid_signature(body, request.headers, request.query_params):
        raise SignatureMismatch(f"the signature is not valid for {vendor}")
    database = get_services(request).database

    def store() -> bool:
        return store_status_webhook(database, vendor, body, at=now())

    is_new = await to_thread.run_sync(store, limiter=STATUS_WEBHOOK_LIMITER)
    return SuccessResponse(data=StatusWebhookResponse(known=not is_new))
