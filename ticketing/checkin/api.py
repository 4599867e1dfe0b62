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
)
from ticketing.platform.http.services import ServicesDependency, now

router = authenticated_router("/api/tickets", "checkin", 404, 409)


class ValidateTicketRequest(RequestModel):
    """A scanned or typed code; with an event, only its tickets are valid."""

    code: Annotated[str, Field(min_length=1, max_length=500)]
    event_id: EventReference | None = None


class ScannedTicketResponse(ResponseModel):
    """The ticket, for comparison with the person."""

    ticket_id: int
    ticket_code: str
    event_slug: str
    guest_id: int
    full_name: str
    ticket_type: str
    seat: str


class ValidationResponse(ResponseModel):
    """The result, with a reason and a note when the ticket is not valid."""

    valid: Annotated[bool, Field(validation_alias="is_valid")]
    reason: Annotated[RejectionReason | None, Field(validation_alias="rejection")]
    note: str
    ticket: ScannedTicketResponse | None


@router.post("/validate")
def validate(
    body: ValidateTicketRequest, services: ServicesDependency, _: Viewer
) -> SuccessResponse[ValidationResponse]:
    """Verify a ticket now, without marking it as used."""
    event = None if body.event_id is None else get_event(services.database, str(body.event_id))
    result = verify_ticket(services.database, body.code, at=now(), event=event)
    return SuccessResponse(data=ValidationResponse.model_validate(result))
