"""Where WhatsApp's vendors tell what became of messages: kept at once, applied afterwards."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ticketing.actions.hear_reports import keep_report
from ticketing.domain.errors import SignatureMismatch
from ticketing.gateways.whatsapp_reports import challenge_answered
from ticketing.gateways.whatsapp_vendors import Subscription, Vendor
from ticketing.web.answers import Answer, Said, Success
from ticketing.web.problems import failures
from ticketing.web.service import now, service

# of their own, as the payment gateway's: a blast's reports come by the thousand
REPORTS_AT_ONCE = CapacityLimiter(4)

router = APIRouter(prefix="/webhooks/whatsapp", tags=["messages"], default_response_class=Answer)


class ReportKept(Said):
    """A report was kept; `known` says that it had been before."""

    known: bool


def _agreed(request: Request, vendor: Vendor) -> Subscription:
    chat = service(request).find(Subscription)
    if chat is None or chat.vendor is not vendor:
        raise SignatureMismatch(f"nothing is agreed with {vendor}")
    return chat


@router.get(
    "/{vendor}",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **failures(403, 422)},
)
async def challenge(vendor: Vendor, request: Request) -> Response:
    """Meta asks whether this address is ours, with the word that was agreed; nobody else does."""
    answer = challenge_answered(request.query_params, _agreed(request, vendor).word)
    if answer is None:
        raise SignatureMismatch("the word is not the one that was agreed")
    return PlainTextResponse(answer)


@router.post(
    "/{vendor}",
    responses=failures(403, 413, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def report(vendor: Vendor, request: Request) -> Success[ReportKept]:
    """What became of messages, signed by whom we sent them through; 200 ends its retries."""
    chat = _agreed(request, vendor)
    body = await request.body()
    if not chat.is_theirs(body, request.headers, request.query_params):
        raise SignatureMismatch(f"this is not signed by {vendor}")
    database = service(request).database

    def keep() -> bool:
        return keep_report(database, vendor, body, at=now())

    is_new = await to_thread.run_sync(keep, limiter=REPORTS_AT_ONCE)
    return Success(data=ReportKept(known=not is_new))
