"""HTTP API to change one guest of an event."""

from typing import Annotated

from pydantic import Field
from pydantic.alias_generators import to_camel

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    EventInPath,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import GuestId, GuestIdInPath
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.roster.guests.edit_guest import edit_guest
from ticketing.roster.model import RosterField
from ticketing.tickets.batches.generation_queue import TicketGenerationQueue

router = authenticated_router("/api/events", "events", 404)


class UpdateGuestRequest(RequestModel):
    """The fields to change; an empty text clears one, an absent field keeps it."""

    model_config = with_example({"fullName": "Siti Aminah", "seat": ""})

    full_name: str | None = None
    """The name as printed on the ticket; it cannot be cleared."""
    email: str | None = None
    """E-mail address."""
    phone: str | None = None
    """Phone number, with country code or as dialled locally."""
    seat: str | None = None
    """The seat."""
    ticket_type: str | None = None
    """Name of the ticket type, for example VIP."""
    locale: str | None = None
    """Language of the ticket and of messages, as in `id` or `en`."""
    sales_channel: str | None = None
    """Sales channel of the place, as in the roster."""
    test_mode: Annotated[str | None, Field(description="test or live")] = None


class FieldChangeResponse(ResponseModel):
    """The value of a field before and after."""

    before: str
    """The stored value until now; empty for none."""
    after: str
    """The new value; empty if it was cleared."""


class UpdatedGuestResponse(ResponseModel):
    """A changed guest, and the code of the live ticket, which stays the same."""

    guest_id: GuestId
    changes: dict[str, FieldChangeResponse]
    """The changed fields by name; empty if every value was stored already."""
    ticket_code: str | None
    """Code of the live ticket, whose PDF is rendered again; null without a ticket."""
    pdf_errors: list[str]
    """Why the PDF could not be rendered; empty if it was."""


@router.patch("/{event}/guests/{guest_id}", responses=authenticated_error_responses(404, 409))
def update_guest(
    event: EventInPath,
    guest_id: GuestIdInPath,
    body: UpdateGuestRequest,
    services: ServicesDependency,
    caller: Operator,
) -> SuccessResponse[UpdatedGuestResponse]:
    """Change a guest, and render the PDF of the ticket again."""
    known = get_event(services.database, event)
    values = {
        RosterField(name): value for name, value in body.model_dump(exclude_none=True).items()
    }
    done = edit_guest(services.database, known, guest_id, values, by=caller.actor, at=now())
    rendered = services.get(TicketGenerationQueue).render_guest(known, guest_id)
    return SuccessResponse(
        data=UpdatedGuestResponse(
            guest_id=guest_id,
            changes={
                to_camel(field): FieldChangeResponse(before=before, after=after)
                for field, (before, after) in done.changes.items()
            },
            ticket_code=done.ticket,
            pdf_errors=[failure.message for failure in rendered.failed],
        )
    )
