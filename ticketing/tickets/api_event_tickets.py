"""HTTP API for the tickets of an event: missing tickets, and all tickets as ZIP file or PDF."""

from enum import StrEnum
from itertools import chain
from typing import Annotated

from fastapi import Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer
from ticketing.documents.print_run.sheet_layout import SheetLayout
from ticketing.documents.renderer import Renderer
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    EventInPath,
    Offset,
    ResponseModel,
    SuccessResponse,
)
from ticketing.platform.http.fields import (
    EventId,
    ExternalId,
    FirstName,
    FullName,
    GuestId,
    LastName,
    PageLimit,
    PageOffset,
    Seat,
    TicketCode,
    TicketTypeName,
)
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.tickets.eligibility_queries import list_failed_documents
from ticketing.tickets.guest_filter import GuestFilter
from ticketing.tickets.guest_filter_queries import require_columns
from ticketing.tickets.http_params import filter_parameters, sheet_parameters, where_parameter
from ticketing.tickets.missing import count_missing_tickets, list_missing_tickets
from ticketing.tickets.printing.preview import DEFAULT_DPI, preview_ticket
from ticketing.tickets.printing.print_tickets import print_tickets
from ticketing.tickets.rendering.document_reader import DocumentReader
from ticketing.tickets.rendering.zip_archive import stream_zip

router = authenticated_router("/api/events", "events", 404)


class MissingTicketGuestResponse(ResponseModel):
    """An entitled and eligible guest without a live ticket."""

    guest_id: GuestId
    external_id: ExternalId
    first_name: FirstName
    last_name: LastName
    full_name: FullName
    ticket_type: TicketTypeName
    seat: Seat


class FailedDocumentResponse(ResponseModel):
    """A guest with a ticket whose PDF could not be made, with the reason."""

    guest_id: GuestId
    external_id: ExternalId
    full_name: FullName
    ticket_code: TicketCode
    reason: str = Field(validation_alias="render_error")
    """Why the PDF could not be made."""


class MissingTicketsResponse(ResponseModel):
    """A page of guests without tickets, and one of guests without a PDF, with their totals."""

    event_id: EventId
    total_count: int
    """Number of guests without a ticket, on all pages."""
    limit: PageLimit
    offset: PageOffset
    guests: list[MissingTicketGuestResponse]
    """The guests of this page."""
    failed_document_count: int
    """Number of guests whose ticket has no PDF, on all pages."""
    failed_documents: list[FailedDocumentResponse]
    """Tickets of this page whose PDF could not be made, under the same limit and offset."""


class MissingTicketCountResponse(ResponseModel):
    """The number of missing tickets."""

    event_id: EventId
    count: int
    """Number of entitled guests without a live ticket."""


@router.get("/{event}/missing-tickets")
def missing(
    event: EventInPath,
    services: ServicesDependency,
    _: Viewer,
    wanted: Annotated[GuestFilter, Depends(filter_parameters)],
    limit: Annotated[
        int, Query(ge=1, le=1000, description="Greatest number of guests in each list.")
    ] = 100,
    offset: Offset = 0,
) -> SuccessResponse[MissingTicketsResponse]:
    """Return the guests without a ticket or PDF, by default in the order of the roster."""
    known, at = get_event(services.database, event), now()
    page = list_missing_tickets(services.database, known, wanted, at=at, limit=limit, offset=offset)
    failed, failed_count = services.database.run(
        list_failed_documents, known.id, wanted, limit=limit, offset=offset
    )
    return SuccessResponse(
        data=MissingTicketsResponse(
            event_id=known.id,
            total_count=count_missing_tickets(services.database, known, wanted, at=at),
            limit=limit,
            offset=offset,
            guests=[MissingTicketGuestResponse.model_validate(person) for person in page],
            failed_document_count=failed_count,
            failed_documents=[FailedDocumentResponse.model_validate(person) for person in failed],
        )
    )


@router.get("/{event}/missing-tickets/count")
def count_missing(
    event: EventInPath,
    services: ServicesDependency,
    _: Viewer,
    wanted: Annotated[GuestFilter, Depends(where_parameter)],
) -> SuccessResponse[MissingTicketCountResponse]:
    """Return the number of guests without a ticket."""
    known = get_event(services.database, event)
    found = count_missing_tickets(services.database, known, wanted, at=now())
    return SuccessResponse(data=MissingTicketCountResponse(event_id=known.id, count=found))


@router.get(
    "/{event}/tickets.zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def tickets_zip(
    event: EventInPath,
    services: ServicesDependency,
    _: Operator,
    wanted: Annotated[GuestFilter, Depends(where_parameter)],
) -> StreamingResponse:
    """Return the PDFs of all live tickets, or those of matching guests, as a streamed ZIP file."""
    known = get_event(services.database, event)
    services.database.run(require_columns, known.id, wanted)  # before the response begins
    named = {"Content-Disposition": f'attachment; filename="{known.slug}.zip"'}
    return StreamingResponse(
        stream_zip(services.database, services.get(DocumentReader), known, wanted),
        media_type="application/zip",
        headers={"Cache-Control": "private, no-store", **named},
    )


@router.get(
    "/{event}/tickets.pdf",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/pdf": {}}}},
)
def tickets_pdf(
    event: EventInPath,
    services: ServicesDependency,
    _: Operator,
    wanted: Annotated[GuestFilter, Depends(filter_parameters)],
    layout: Annotated[SheetLayout | None, Depends(sheet_parameters)],
) -> StreamingResponse:
    """Return all live tickets, or those of matching guests, as one streamed PDF for printing.

    Tickets that cannot be printed are listed on the last page.
    """
    known = get_event(services.database, event)
    parts = print_tickets(
        services.database, services.get(Renderer), known, wanted=wanted, layout=layout
    )
    first = next(parts)  # what is refused is refused before the response begins
    named = {"Content-Disposition": f'attachment; filename="{known.slug}.pdf"'}
    return StreamingResponse(
        chain([first], parts),
        media_type="application/pdf",
        headers={"Cache-Control": "private, no-store", **named},
    )


class PreviewFormat(StrEnum):
    """Formats of a preview."""

    PNG = "png"
    PDF = "pdf"


@router.get(
    "/{event}/ticket-preview",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "application/pdf": {}}}},
)
def ticket_preview(  # noqa: PLR0917  # one parameter per query parameter
    event: EventInPath,
    services: ServicesDependency,
    _: Operator,
    template: Annotated[
        str | None, Query(max_length=100, description="A template's name; the event's if absent.")
    ] = None,
    person: Annotated[
        str | None,
        Query(max_length=200, description="Guest by id, external id, e-mail, phone, code or name."),
    ] = None,
    kind: Annotated[
        PreviewFormat, Query(alias="format", description="A picture or the document.")
    ] = PreviewFormat.PNG,
    dpi: Annotated[int, Query(ge=30, le=300, description="Resolution of a PNG.")] = DEFAULT_DPI,
) -> Response:
    """Return the ticket of a guest, or a sample, as it looks with a template.

    Its QR code is that of the sample: it admits nobody.
    """
    known = get_event(services.database, event)
    preview = preview_ticket(
        services.database, services.get(Renderer), known, template_id=template, person=person
    )
    is_picture = kind is PreviewFormat.PNG
    return Response(
        preview.picture(dpi) if is_picture else preview.pdf,
        media_type="image/png" if is_picture else "application/pdf",
        headers={"Cache-Control": "private, no-store"},
    )
