"""Pages of the magic link: the guest's ticket on a phone, and its PDF."""

from typing import Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import HTMLResponse

from ticketing.access.authentication import rate_limit_by_address
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.file_store import DocumentFolder
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.errors import error_responses
from ticketing.platform.http.services import ServicesDependency
from ticketing.tickets.api import pdf_response
from ticketing.tickets.holder_html import render_holder_notice, render_holder_page
from ticketing.tickets.single_ticket import (
    UnknownTicket,
    find_printed_ticket,
    get_ticket_by_magic_link,
    read_ticket_pdf,
)

FAILURE_CONTENT = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
}

router = APIRouter(
    tags=["holder"],
    dependencies=[Depends(rate_limit_by_address)],
    responses=error_responses(429, 503),
)
PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"description": "Unknown link", "content": {"text/html": {}}},
    410: {"description": "Link of a revoked ticket", "content": {"text/html": {}}},
    429: {"description": "Too many requests"} | FAILURE_CONTENT,
    503: {"description": "Temporarily unavailable"} | FAILURE_CONTENT,
}


@router.get("/t/{link}", response_class=HTMLResponse, responses=PAGE_RESPONSES)
def page(link: str, services: ServicesDependency) -> HTMLResponse:
    """Return the page with the ticket and its QR code; the link is the authentication."""
    try:
        ticket = get_ticket_by_magic_link(services.database, services.get(KeyRing), link)
    except UnknownTicket:
        return _notice_response(
            404, "No such ticket", "This link leads to no ticket. Is it complete?"
        )
    printed = find_printed_ticket(services.database, ticket)
    if printed is None:
        return _notice_response(
            410, "Not valid", "This ticket was revoked. Please ask the organiser."
        )
    path = ticket.pdf_file_path
    printed_out = path is not None and services.get(DocumentFolder).exists(path)
    document_url = f"{link}/ticket.pdf" if printed_out else None  # relative to this page
    return HTMLResponse(
        render_holder_page(printed, document_url=document_url), headers=NO_STORE_HEADERS
    )


@router.get(
    "/t/{link}/ticket.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **error_responses(404)},
)
def document(link: str, services: ServicesDependency) -> Response:
    """Return the PDF of the ticket; the link is the authentication."""
    ticket = get_ticket_by_magic_link(services.database, services.get(KeyRing), link)
    if find_printed_ticket(services.database, ticket) is None:
        raise UnknownTicket("no live ticket has this link")
    return pdf_response(read_ticket_pdf(services.get(DocumentFolder), ticket), ticket)


def _notice_response(status: int, title: str, sentence: str) -> HTMLResponse:
    return HTMLResponse(
        render_holder_notice(title=title, sentence=sentence), status, headers=NO_STORE_HEADERS
    )
