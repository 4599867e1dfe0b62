"""HTTP API of the events themselves: create, change and show one, with all its settings."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer
from ticketing.events import service
from ticketing.events.model import (
    MAX_HOLD_MINUTES,
    MAX_WAITING_LIST_HOURS,
    MIN_HOLD_MINUTES,
    BuyerNotices,
    Event,
    LatePayments,
    NewEvent,
)
from ticketing.events.payment_rule import parse_payment_rule
from ticketing.events.queries import get_event
from ticketing.events.template_check import EventTemplateCheck
from ticketing.platform.http.envelope import (
    EventInPath,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import authenticated_error_responses
from ticketing.platform.http.fields import EventId
from ticketing.platform.http.services import ServicesDependency

router = authenticated_router("/api/events", "events")

_DEFAULTS = {"time_zone": "Asia/Jakarta", "locale": "id", "region": "ID", "template_id": "classic"}

Line = Annotated[str, Field(max_length=200, pattern="^[^\\x00-\\x1f\\x7f]*$")]
# beyond, the end of the tickets or the hours before an event are no times
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
EventTime = Annotated[AwareDatetime, Field(ge=_FIRST, le=_LAST)]
HoldMinutes = Annotated[int, Field(ge=MIN_HOLD_MINUTES, le=MAX_HOLD_MINUTES, strict=True)]
OfferHours = Annotated[int, Field(ge=1, le=MAX_WAITING_LIST_HOURS, strict=True)]


class EventChanges(RequestModel):
    """The settings to change; a field that is absent or null stays as it is."""

    model_config = with_example({"buyerNotices": "whatsapp", "holdMinutes": 120})

    name: Line | None = None
    """Name, as printed on the ticket."""
    starts_at: EventTime | None = None
    """Start, ISO 8601 with the offset from UTC."""
    ends_at: EventTime | None = None
    """End, ISO 8601 with the offset from UTC; of a new event 4 hours after the start."""
    time_zone: Line | None = None
    """IANA time zone of the venue; of a new event `Asia/Jakarta`."""
    locale: Line | None = None
    """Language of tickets, pages and messages; of a new event `id`."""
    venue: Line | None = None
    """Venue, as printed on the ticket."""
    region: Line | None = None
    """Country of phone numbers without a country code; of a new event `ID`."""
    template_id: Line | None = None
    """Name of the ticket template; of a new event `classic`."""
    guest_names_required: bool | None = None
    """Whether buyers must name the guest of every place before they pay."""
    guest_changes_until: EventTime | None = None
    """Until when buyers may change names; of a new event until the start."""
    transfer_renews_code: bool | None = None
    """Whether a ticket gets a new QR code when its place gets another name."""
    guest_questions: list[Line] | None = None
    """Questions for the guest of each place; an empty list asks none."""
    strict_contacts: bool | None = None
    """Whether rows of a roster with an unusable address or number are rejected."""
    hold_minutes: HoldMinutes | None = None
    """Minutes for which an order with a buyer holds its places until it is paid."""
    buyer_notices: BuyerNotices | None = None
    """How buyers hear of placed, paid, expired and refunded orders; `none` sends only tickets,
    vouchers and refunds."""
    late_payments: LatePayments | None = None
    """Money for an ended order: `accept` if places are left, else staff decide; `refund` if none
    are left; `review` lets staff decide."""
    waiting_list_hours: OfferHours | None = None
    """Hours for which an offer to the waiting list holds its places."""
    payment_rule: Line | None = None
    """What synced payment records must show before a guest of a roster gets a ticket: `none`,
    `no-arrears`, `bills:CODE,CODE`, or `paid-by:YYYY-MM-DD`."""

    def changes(self) -> dict[str, Any]:
        """Return the given settings as an event stores them."""
        given = self.model_dump(exclude_none=True)
        if self.guest_questions is not None:
            given["guest_questions"] = "\n".join(self.guest_questions)
        if self.payment_rule is not None:
            given["payment_rule"] = str(parse_payment_rule(self.payment_rule))
        return given


class NewEventRequest(EventChanges):
    """A new event; settings that are absent or null have the usual values."""

    model_config = with_example(
        {
            "slug": "wisuda-2026",
            "name": "Wisuda Periode II 2026",
            "startsAt": "2026-12-12T08:00:00+07:00",
            "venue": "Gedung Serbaguna",
            "buyerNotices": "both",
        }
    )

    slug: Line
    """Short name for paths and commands: lower-case letters, digits and hyphens."""
    name: Line
    """Name, as printed on the ticket."""
    starts_at: EventTime
    """Start, ISO 8601 with the offset from UTC."""
    venue: Line
    """Venue, as printed on the ticket."""


class EventResponse(ResponseModel):
    """An event with all its settings."""

    id: EventId
    slug: str
    """Short name for paths and commands."""
    name: str
    """Name, as printed on the ticket."""
    starts_at: AwareDatetime
    """Start, ISO 8601 in UTC."""
    ends_at: AwareDatetime
    """End, ISO 8601 in UTC."""
    time_zone: str
    """IANA time zone of the venue."""
    locale: str
    """Language of tickets, pages and messages."""
    venue: str
    """Venue, as printed on the ticket."""
    region: str
    """Country of phone numbers without a country code."""
    template_id: str
    """Name of the ticket template."""
    guest_names_required: bool
    """Whether buyers must name the guest of every place before they pay."""
    guest_changes_until: AwareDatetime | None
    """Until when buyers may change names; null: until the start."""
    transfer_renews_code: bool
    """Whether a ticket gets a new QR code when its place gets another name."""
    guest_questions: Annotated[tuple[str, ...], Field(validation_alias="guest_question_list")]
    """Questions for the guest of each place."""
    strict_contacts: bool
    """Whether rows of a roster with an unusable address or number are rejected."""
    hold_minutes: int
    """Minutes for which an order with a buyer holds its places until it is paid."""
    buyer_notices: BuyerNotices
    """How buyers hear of placed, paid, expired and refunded orders."""
    late_payments: LatePayments
    """What happens to money for an ended order."""
    waiting_list_hours: int
    """Hours for which an offer to the waiting list holds its places."""
    payment_rule: str
    """What synced payment records must show before a guest of a roster gets a ticket."""


@router.post("", status_code=201, responses=authenticated_error_responses(409))
def create(
    body: NewEventRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[EventResponse]:
    """Create an event; the same request again changes nothing."""
    end = {"ends_at": body.starts_at + service.DEFAULT_DURATION}
    event = service.add_event(
        services.database,
        NewEvent(**{**_DEFAULTS, **end, **body.changes()}),
        by=caller.actor,
        require_template=services.get(EventTemplateCheck).require_usable,
    )
    return _respond(event)


@router.get("/{event}", responses=authenticated_error_responses(404))
def show(
    event: EventInPath, services: ServicesDependency, _: Viewer
) -> SuccessResponse[EventResponse]:
    """Return an event with all its settings."""
    return _respond(get_event(services.database, event))


@router.patch("/{event}", responses=authenticated_error_responses(404))
def update(
    event: EventInPath, body: EventChanges, services: ServicesDependency, caller: Operator
) -> SuccessResponse[EventResponse]:
    """Change settings of an event. Tickets keep their codes; PDFs that show a change are stale."""
    changed = service.change_event(
        services.database,
        get_event(services.database, event).slug,
        body.changes(),
        by=caller.actor,
        require_template=services.get(EventTemplateCheck).require_usable,
    )
    return _respond(changed)


def _respond(event: Event) -> SuccessResponse[EventResponse]:
    return SuccessResponse(data=EventResponse.model_validate(event))
