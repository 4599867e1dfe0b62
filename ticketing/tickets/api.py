"""HTTP API for single tickets: create, show, download as PDF or QR code."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query, Request, Response

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator
from ticketing.access.signed_links import SignedLinkRoute, sign_link
from ticketing.documents.qr_image import ErrorCorrection, QrImageOptions, qr_png, qr_svg
from ticketing.events.http_params import EventReference
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    NO_STORE_HEADERS,
    Id,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import (
    EventId,
    FirstName,
    FullName,
    GuestId,
    LastName,
    TicketCode,
    TicketId,
    TicketIdInPath,
)
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.person_name import first_and_last_name
from ticketing.tickets.api_templates import TemplateReference, resolve_template
from ticketing.tickets.batches.generation_queue import TicketGenerationQueue
from ticketing.tickets.rendering.document_reader import DocumentReader
from ticketing.tickets.single_ticket import get_ticket, require_guest_data
from ticketing.tickets.ticket_queries import IssuedTicket

router = authenticated_router("/api/tickets", "tickets", 404)
file_router = authenticated_router("/api/tickets", "tickets", 404, route_class=SignedLinkRoute)
Colour = Annotated[str, Query(pattern="^#?[0-9A-Fa-f]{6}$", description="#rrggbb")]


class GuestData(RequestModel):
    """The guest as the client knows it; refused where it differs from the printed data."""

    first_name: str | None = None
    """First name of the guest; null is not compared."""
    last_name: str | None = None
    """Last name of the guest; null is not compared."""
    email: str | None = None
    """E-mail address of the guest; null is not compared."""
    ticket_type: str | None = None
    """Name of the guest's ticket type; null is not compared."""


class GenerateTicketRequest(RequestModel):
    """A ticket for a guest of an event."""

    model_config = with_example(
        {
            "guestId": 123,
            "eventId": "wisuda-2026",
            "data": {"firstName": "Budi", "lastName": "Santoso"},
        }
    )

    guest_id: Id
    """The guest's id; the guest must be entitled to a place of the event."""
    event_id: EventReference
    template_id: TemplateReference = None
    data: GuestData | None = None
    """What is to be compared before the ticket is issued; null compares nothing."""


class GeneratedTicketResponse(ResponseModel):
    """A ticket with its PDF."""

    ticket_id: TicketId
    ticket_code: TicketCode
    qr_code_url: str
    """Address of the QR code as an image; opens without an API key for some minutes."""
    pdf_url: str
    """Address of the PDF; opens without an API key for some minutes."""
    generated_at: datetime | None
    """When the PDF was made, ISO 8601 in UTC; null if it could not be made."""


class TicketGuestResponse(ResponseModel):
    """The guest of a ticket. A single name is split: its last word is `lastName`."""

    id: GuestId
    first_name: FirstName
    last_name: LastName
    full_name: FullName


class TicketEventResponse(ResponseModel):
    """The event of a ticket."""

    id: EventId
    title: str
    """Name of the event."""


class TicketResponse(ResponseModel):
    """A ticket; `qrCodeData` is a PNG in base64."""

    id: TicketId
    ticket_code: TicketCode
    qr_code_data: str
    """The QR code: a PNG image in base64."""
    pdf_url: str
    """Address of the PDF; opens without an API key for some minutes."""
    guest: TicketGuestResponse
    """The guest who holds the ticket."""
    event: TicketEventResponse
    """The event for which the ticket was issued."""
    status: Literal["issued", "generated", "failed", "revoked"]
    """`generated` has a PDF, `issued` waits for it, `failed` could not be rendered, `revoked` is
    not valid any more."""
    generated_at: datetime | None
    """When the PDF was made, ISO 8601 in UTC; null without one."""


@router.post("/generate", responses=authenticated_error_responses(404, 409))
def generate(
    body: GenerateTicketRequest, request: Request, services: ServicesDependency, caller: Operator
) -> SuccessResponse[GeneratedTicketResponse]:
    """Create the ticket of a guest; an existing live ticket is returned.

    `data` that differs from the guest is refused with 409 `guest_data_differs`. With another
    `templateId` the existing ticket is rendered again; its code stays the same.
    """
    event = get_event(services.database, str(body.event_id))
    if body.data is not None:
        expected = body.data.model_dump(exclude_none=True)
        require_guest_data(services.database, event, body.guest_id, expected, at=now())
    template = resolve_template(services, event, body.template_id)
    ticket = services.get(TicketGenerationQueue).generate_ticket(
        event, body.guest_id, template_id=template, by=caller.actor
    )
    return SuccessResponse(
        data=GeneratedTicketResponse(
            ticket_id=ticket.ticket_id,
            ticket_code=ticket.ticket_code,
            qr_code_url=_ticket_url(services, request, ticket, "qr"),
            pdf_url=_ticket_url(services, request, ticket, "pdf"),
            generated_at=ticket.generated_at,
        )
    )


@router.get("/{ticket_id:int}")
def show(
    ticket_id: TicketIdInPath,
    request: Request,
    services: ServicesDependency,
    _: Operator,
    response: Response,
) -> SuccessResponse[TicketResponse]:
    """Return a ticket, live or revoked."""
    ticket = get_ticket(services.database, ticket_id)
    response.headers.update(NO_STORE_HEADERS)
    return SuccessResponse(
        data=TicketResponse(
            id=ticket.ticket_id,
            ticket_code=ticket.ticket_code,
            qr_code_data=b64encode(qr_png(ticket.qr_text, QrImageOptions())).decode(),
            pdf_url=_ticket_url(services, request, ticket, "pdf"),
            guest=_guest_response(ticket),
            event=TicketEventResponse(id=ticket.event_id, title=ticket.event_name),
            status=ticket.status,
            generated_at=ticket.generated_at,
        )
    )


@file_router.get(
    "/{ticket_id:int}/pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}},
)
def pdf(ticket_id: TicketIdInPath, services: ServicesDependency, _: Operator) -> Response:
    """Return the PDF of a ticket; one that was damaged on disk is rendered again first."""
    ticket = get_ticket(services.database, ticket_id)
    return pdf_response(services.get(DocumentReader).read(ticket.document), ticket)


@file_router.get(
    "/{ticket_id:int}/qr",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/svg+xml": {}}}},
)
def qr(  # noqa: PLR0917 - query parameters
    ticket_id: TicketIdInPath,
    services: ServicesDependency,
    _: Operator,
    form: Annotated[
        Literal["png", "svg"], Query(alias="format", description="PNG or SVG.")
    ] = "png",
    size: Annotated[int, Query(ge=32, le=2000, description="Width and height in pixels.")] = 300,
    margin: Annotated[int, Query(ge=0, le=32, description="In modules; scanners need 4.")] = 4,
    dark: Colour = "#000000",
    light: Colour = "#ffffff",
    error_correction_level: Annotated[
        ErrorCorrection,
        Query(
            alias="errorCorrectionLevel", description="Readable damage: L 7, M 15, Q 25, H 30 %."
        ),
    ] = ErrorCorrection.M,
) -> Response:
    """Return the QR code of a ticket as an image."""
    ticket = get_ticket(services.database, ticket_id)
    colours = dark.lstrip("#"), light.lstrip("#")
    image = QrImageOptions(size, margin, *colours, error_correction_level)
    if form == "svg":
        return Response(
            qr_svg(ticket.qr_text, image), media_type="image/svg+xml", headers=NO_STORE_HEADERS
        )
    return Response(qr_png(ticket.qr_text, image), media_type="image/png", headers=NO_STORE_HEADERS)


def pdf_response(content: bytes, ticket: IssuedTicket) -> Response:
    """Return a PDF response, with the ticket code as file name."""
    named = {"Content-Disposition": f'inline; filename="{ticket.ticket_code}.pdf"'}
    return Response(content, media_type="application/pdf", headers=NO_STORE_HEADERS | named)


def _ticket_url(services: Services, request: Request, ticket: IssuedTicket, what: str) -> str:
    """Return a link that opens in a browser for some minutes, and with an API key always."""
    return sign_link(services, request, f"/api/tickets/{ticket.ticket_id}/{what}")


def _guest_response(ticket: IssuedTicket) -> TicketGuestResponse:
    first, last = first_and_last_name(ticket.first_name, ticket.last_name, ticket.full_name)
    return TicketGuestResponse(
        id=ticket.guest_id, first_name=first, last_name=last, full_name=ticket.full_name
    )
