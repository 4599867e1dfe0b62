"""Single tickets: made while the caller waits, shown, and fetched as PDF or QR."""

import time
from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from ticketing.actions.issued import document_of, ticket_of
from ticketing.documents.folder import DocumentFolder
from ticketing.documents.qr_picture import Correction, Look, png, svg
from ticketing.documents.templates import TemplateFolders
from ticketing.store.issued import IssuedTicket
from ticketing.web.answers import PRIVATE, Answer, Asked, Id, IdInPath, Said, Success
from ticketing.web.auth import Operator, actor, guarded
from ticketing.web.choices import EventReference, TemplateReference, chosen
from ticketing.web.guarded import GuardedRoute
from ticketing.web.problems import documented
from ticketing.web.service import Service, Serving
from ticketing.web.ticket_metrics import TicketMetrics
from ticketing.web.workshop import Workshop

router = APIRouter(
    prefix="/api/tickets",
    tags=["tickets"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(404),
)
Colour = Annotated[str, Query(pattern="^#?[0-9A-Fa-f]{6}$", description="#rrggbb")]


class OlderData(Said):
    """What older clients send along. The event's list is what counts: nothing here is printed."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    ticket_type: str | None = None


class GenerateRequest(Asked):
    """Whose ticket for which event."""

    guest_id: Id
    event_id: EventReference
    template_id: TemplateReference = None
    data: OlderData | None = None


class GeneratedTicket(Said):
    """A ticket whose PDF is ready."""

    ticket_id: int
    ticket_code: str
    qr_code_url: str
    pdf_url: str
    generated_at: datetime | None


class GuestShown(Said):
    """Whose ticket it is."""

    id: int
    first_name: str
    last_name: str


class EventShown(Said):
    """What it is a ticket for."""

    id: int
    title: str


class TicketShown(Said):
    """One ticket; `qrCodeData` is a PNG in base64."""

    id: int
    ticket_code: str
    qr_code_data: str
    pdf_url: str
    guest: GuestShown
    event: EventShown
    status: Literal["issued", "generated", "failed", "revoked"]
    generated_at: datetime | None


@router.post("/generate", responses=documented(404, 409))
def generate(
    asked: GenerateRequest, request: Request, serving: Serving, caller: Operator
) -> Success[GeneratedTicket]:
    """Make one person's ticket now; whoever has a live one gets that."""
    event = chosen(
        serving, asked.event_id, asked.template_id, templates=serving.get(TemplateFolders)
    )
    began = time.monotonic()
    ticket = serving.get(Workshop).ticket(event, asked.guest_id, by=actor(caller))
    serving.get(TicketMetrics).generation_seconds.observe(time.monotonic() - began)
    return Success(
        data=GeneratedTicket(
            ticket_id=ticket.ticket_id,
            ticket_code=ticket.ticket_code,
            qr_code_url=_address(serving, request, ticket, "qr"),
            pdf_url=_address(serving, request, ticket, "pdf"),
            generated_at=ticket.generated_at,
        )
    )


@router.get("/{ticket_id:int}")
def show(
    ticket_id: IdInPath, request: Request, serving: Serving, _: Operator, response: Response
) -> Success[TicketShown]:
    """One ticket, live or revoked."""
    ticket = ticket_of(serving.database, ticket_id)
    response.headers.update(PRIVATE)
    return Success(
        data=TicketShown(
            id=ticket.ticket_id,
            ticket_code=ticket.ticket_code,
            qr_code_data=b64encode(png(ticket.qr_text, Look())).decode(),
            pdf_url=_address(serving, request, ticket, "pdf"),
            guest=GuestShown(
                id=ticket.guest_id, first_name=ticket.first_name, last_name=ticket.last_name
            ),
            event=EventShown(id=ticket.event_id, title=ticket.event_name),
            status=ticket.status,
            generated_at=ticket.generated_at,
        )
    )


@router.get(
    "/{ticket_id:int}/pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}},
)
def pdf(ticket_id: IdInPath, serving: Serving, _: Operator) -> Response:
    """The ticket's PDF."""
    ticket = ticket_of(serving.database, ticket_id)
    return pdf_answer(document_of(serving.get(DocumentFolder), ticket), ticket)


@router.get(
    "/{ticket_id:int}/qr",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/svg+xml": {}}}},
)
def qr(  # noqa: PLR0917 - an address has as many parameters as it has
    ticket_id: IdInPath,
    serving: Serving,
    _: Operator,
    form: Annotated[Literal["png", "svg"], Query(alias="format")] = "png",
    size: Annotated[int, Query(ge=32, le=2000, description="The side, in pixels.")] = 300,
    margin: Annotated[int, Query(ge=0, le=32, description="In modules; scanners want 4.")] = 4,
    dark: Colour = "#000000",
    light: Colour = "#ffffff",
    error_correction_level: Annotated[
        Correction, Query(alias="errorCorrectionLevel")
    ] = Correction.M,
) -> Response:
    """The ticket's QR code as a picture."""
    ticket = ticket_of(serving.database, ticket_id)
    look = Look(size, margin, dark.lstrip("#"), light.lstrip("#"), error_correction_level)
    if form == "svg":
        return Response(svg(ticket.qr_text, look), media_type="image/svg+xml", headers=PRIVATE)
    return Response(png(ticket.qr_text, look), media_type="image/png", headers=PRIVATE)


def pdf_answer(content: bytes, ticket: IssuedTicket) -> Response:
    """A PDF that a browser saves under the ticket's code."""
    named = {"Content-Disposition": f'inline; filename="{ticket.ticket_code}.pdf"'}
    return Response(content, media_type="application/pdf", headers=PRIVATE | named)


def _address(serving: Service, request: Request, ticket: IssuedTicket, what: str) -> str:
    return serving.address(request, f"/api/tickets/{ticket.ticket_id}/{what}")
