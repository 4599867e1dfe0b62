"""Where WhatsApp's vendors tell what became of messages: kept at once, applied afterwards."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ticketing.notifications.delivery_receipts import store_status_webhook
from ticketing.notifications.whatsapp.providers import WhatsAppProvider, WhatsAppProviderConfig
from ticketing.notifications.whatsapp.status_webhooks import answer_challenge
from ticketing.platform.http.envelope import AsciiJSONResponse, ResponseModel, SuccessResponse
from ticketing.platform.http.errors import error_responses
from ticketing.platform.http.services import get_services, now
from ticketing.platform.kernel.errors import SignatureMismatch

# of their own, as the payment gateway's: a blast's reports come by the thousand
STATUS_WEBHOOK_LIMITER = CapacityLimiter(4)

router = APIRouter(
    prefix="/webhooks/whatsapp", tags=["messages"], default_response_class=AsciiJSONResponse
)


class StatusWebhookResponse(ResponseModel):
    """A report was kept; `known` says that it had been before."""

    known: bool


def _get_provider_config(request: Request, vendor: WhatsAppProvider) -> WhatsAppProviderConfig:
    chat = get_services(request).find(WhatsAppProviderConfig)
    if chat is None or chat.provider is not vendor:
        raise SignatureMismatch(f"nothing is agreed with {vendor}")
    return chat


@router.get(
    "/{vendor}",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **error_responses(403, 422)},
)
async def challenge(vendor: WhatsAppProvider, request: Request) -> Response:
    """Meta asks whether this address is ours, with the word that was agreed; nobody else does."""
    answer = answer_challenge(
        request.query_params, _get_provider_config(request, vendor).verify_token
    )
    if answer is None:
        raise SignatureMismatch("the word is not the one that was agreed")
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
async def report(
    vendor: WhatsAppProvider, request: Request
) -> SuccessResponse[StatusWebhookResponse]:
    """What became of messages, signed by whom we sent them through; 200 ends its retries."""
    chat = _get_provider_config(request, vendor)
    body = await request.body()
    if not chat.has_valid_signature(body, request.headers, request.query_params):
        raise SignatureMismatch(f"this is not signed by {vendor}")
    database = get_services(request).database

    def keep() -> bool:
        return store_status_webhook(database, vendor, body, at=now())

    is_new = await to_thread.run_sync(keep, limiter=STATUS_WEBHOOK_LIMITER)
    return SuccessResponse(data=StatusWebhookResponse(known=not is_new))
