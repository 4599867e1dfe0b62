"""Pages of the magic link: the guest's ticket on a phone, and its PDF."""

import functools
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ticketing.access.authentication import rate_limit_by_address
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.qr import QrCode
from ticketing.documents.template_context import (
    banner_of_test,
    language_variables,
    ticket_variables,
)
from ticketing.documents.ticket_data import PrintedTicket
from ticketing.platform.http.envelope import NO_STORE_HEADERS
from ticketing.platform.http.errors import error_responses
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.paths import TEMPLATES
from ticketing.tickets.api import pdf_response
from ticketing.tickets.rendering.document_reader import DocumentReader
from ticketing.tickets.single_ticket import (
    UnknownTicket,
    find_printed_ticket,
    open_ticket,
)

FAILURE_CONTENT = {
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
}

router = APIRouter(
    tags=["holder"],
    dependencies=[Depends(rate_limit_by_address)],
    responses=error_responses(429, 503),
)
Link = Annotated[str, Path(description="The secret part of a guest's magic link.")]
PAGE_RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"description": "Unknown link", "content": {"text/html": {}}},
    410: {"description": "Link of a revoked ticket", "content": {"text/html": {}}},
    429: {"description": "Too many requests"} | FAILURE_CONTENT,
    503: {"description": "Temporarily unavailable"} | FAILURE_CONTENT,
}


@router.get("/t/{link}", response_class=HTMLResponse, responses=PAGE_RESPONSES)
def page(link: Link, services: ServicesDependency) -> HTMLResponse:
    """Return the page with the ticket and its QR code; the link is the authentication."""
    try:
        ticket = open_ticket(services.database, services.get(KeyRing), link, at=now())
    except UnknownTicket:
        return _notice_response(
            404, "No such ticket", "This link leads to no ticket. Is it complete?"
        )
    printed = find_printed_ticket(services.database, ticket)
    if printed is None:
        return _notice_response(
            410, "Not valid", "This ticket was revoked. Please ask the organiser."
        )
    has_document = ticket.pdf_file_path is not None and ticket.pdf_removed_at is None
    document_url = f"{link}/ticket.pdf" if has_document else None  # relative to this page
    return HTMLResponse(
        render_holder_page(printed, document_url=document_url), headers=NO_STORE_HEADERS
    )


@router.get(
    "/t/{link}/ticket.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **error_responses(404)},
)
def document(link: Link, services: ServicesDependency) -> Response:
    """Return the PDF of the ticket; the link is the authentication."""
    ticket = open_ticket(services.database, services.get(KeyRing), link, at=now())
    if find_printed_ticket(services.database, ticket) is None:
        raise UnknownTicket("no live ticket has this link")
    return pdf_response(services.get(DocumentReader).read(ticket.document), ticket)


def _notice_response(status: int, title: str, sentence: str) -> HTMLResponse:
    return HTMLResponse(
        render_holder_notice(title=title, sentence=sentence), status, headers=NO_STORE_HEADERS
    )


FOLDER = TEMPLATES / "holder"


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def render_holder_page(ticket: PrintedTicket, *, document_url: str | None) -> str:
    """Return the page of a live ticket; `document_url` is None without a PDF."""
    return (
        _environment()
        .get_template("ticket.html.j2")
        .render(
            **ticket_variables(ticket),
            **language_variables(ticket),
            qr=QrCode(ticket.qr_text).data_url(),
            document_url=document_url,
            test_banner=banner_of_test(ticket.locale) if ticket.is_test else "",
        )
    )


def render_holder_notice(*, title: str, sentence: str) -> str:
    """Return the page for a revoked ticket or an unknown link."""
    return _environment().get_template("notice.html.j2").render(title=title, sentence=sentence)


def ticket_path(services: Services, token_id: bytes) -> str:
    """Return the path of a ticket's page, which needs no login."""
    return f"/t/{services.get(KeyRing).magic_link(token_id)}"
