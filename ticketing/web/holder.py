"""The holder's own page behind the magic link: the ticket on a phone, and its PDF."""

from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse

from ticketing.actions.issued import UnknownTicket, document_of, printed_ticket, ticket_behind
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.holder_page import holder_page, notice_page
from ticketing.signing.keys import KeyRing
from ticketing.web.answers import PRIVATE
from ticketing.web.auth import rationed
from ticketing.web.problems import failures
from ticketing.web.service import Serving
from ticketing.web.tickets import pdf_answer

JSON = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Failure"}}}}

router = APIRouter(tags=["holder"], dependencies=[Depends(rationed)], responses=failures(429, 503))
NOTICES: dict[int | str, dict[str, Any]] = {
    404: {"description": "Nobody's link", "content": {"text/html": {}}},
    410: {"description": "A revoked ticket's link", "content": {"text/html": {}}},
    429: {"description": "Too many requests"} | JSON,
    503: {"description": "The office is closed for a moment"} | JSON,
}


@router.get("/t/{link}", response_class=HTMLResponse, responses=NOTICES)
def page(link: str, serving: Serving) -> HTMLResponse:
    """The ticket with its QR, for whoever has the link."""
    try:
        ticket = ticket_behind(serving.database, serving.get(KeyRing), link)
    except UnknownTicket:
        return _notice(404, "No such ticket", "This address opens no ticket. Is it complete?")
    printed = printed_ticket(serving.database, ticket)
    if printed is None:
        return _notice(410, "Not valid", "This ticket was withdrawn. Ask whoever sent it to you.")
    path = ticket.pdf_file_path
    printed_out = path is not None and serving.get(DocumentFolder).exists(path)
    document_url = f"{link}/ticket.pdf" if printed_out else None  # beside this page, wherever it is
    return HTMLResponse(holder_page(printed, document_url=document_url), headers=PRIVATE)


@router.get(
    "/t/{link}/ticket.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **failures(404)},
)
def document(link: str, serving: Serving) -> Response:
    """The ticket's PDF, for whoever has the link."""
    ticket = ticket_behind(serving.database, serving.get(KeyRing), link)
    if printed_ticket(serving.database, ticket) is None:
        raise UnknownTicket("no live ticket has this address")
    return pdf_answer(document_of(serving.get(DocumentFolder), ticket), ticket)


def _notice(status: int, title: str, sentence: str) -> HTMLResponse:
    return HTMLResponse(notice_page(title=title, sentence=sentence), status, headers=PRIVATE)
