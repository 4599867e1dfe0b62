"""HTTP API for validating tickets; it does not mark a ticket as used."""

from typing import Annotated

from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Viewer
from ticketing.checkin.verify import verify_ticket
from ticketing.crypto.verify import RejectionReason
from ticketing.events.http_params import EventReference
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.fields import (
    FullName,
    GuestId,
    Seat,
    TicketCode,
    TicketId,
    TicketTypeName,
)
from ticketing.platform.http.services import ServicesDependency, now

router = authenticated_router("/api/tickets", "checkin", 404, 409)


class ValidateTicketRequest(RequestModel):
    """A scanned or typed code; with an event, only its tickets are valid."""

    model_config = with_example({"code": "TC-2026-7K3M9QXA", "eventId": "wisuda-2026"})

    code: Annotated[str, Field(min_length=1, max_length=500)]
    """Text of the QR code, or the ticket code."""
    event_id: EventReference | None = None
    """The event's id or slug; a ticket of another event is not valid. Null accepts any event."""


class ScannedTicketResponse(ResponseModel):
    """The ticket, for comparison with the person."""

    ticket_id: TicketId
    ticket_code: TicketCode
    event_slug: str
    """Slug of the event of the ticket."""
    guest_id: GuestId
    full_name: FullName
    ticket_type: TicketTypeName
    seat: Seat


class ValidationResponse(ResponseModel):
    """The result, with a reason and a note when the ticket is not valid."""

    valid: Annotated[bool, Field(validation_alias="is_valid")]
    """Whether the ticket admits its holder now."""
    reason: Annotated[RejectionReason | None, Field(validation_alias="rejection")]
    """Why the ticket is not valid; null for a valid one."""
    note: str
    """A sentence about the reason; empty for a valid ticket."""
    ticket: ScannedTicketResponse | None
    """The ticket; null if none was found."""


@router.post("/validate")
def validate(
    body: ValidateTicketRequest, services: ServicesDependency, _: Viewer
) -> SuccessResponse[ValidationResponse]:
    """Verify a ticket now, without marking it as used."""
    event = None if body.event_id is None else get_event(services.database, str(body.event_id))
    result = verify_ticket(services.database, body.code, at=now(), event=event)
    return SuccessResponse(data=ValidationResponse.model_validate(result))
