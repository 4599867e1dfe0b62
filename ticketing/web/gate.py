"""Validating a ticket: looking uses nothing up."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from ticketing.actions.verify import verify
from ticketing.domain.verification import Refusal
from ticketing.store.events import find_event
from ticketing.web.answers import Answer, Asked, Said, Success
from ticketing.web.auth import Viewer, guarded
from ticketing.web.choices import EventReference
from ticketing.web.guarded import GuardedRoute
from ticketing.web.problems import documented
from ticketing.web.service import Serving, now

router = APIRouter(
    prefix="/api/tickets",
    tags=["gate"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(404, 409),
)


class ValidateRequest(Asked):
    """What was scanned or typed; with an event, only its tickets pass."""

    code: Annotated[str, Field(min_length=1, max_length=500)]
    event_id: EventReference | None = None


class TicketSeen(Said):
    """The ticket, for whoever looks at the person too."""

    ticket_id: int
    ticket_code: str
    event_slug: str
    guest_id: int
    full_name: str
    ticket_type: str
    seat: str


class Validation(Said):
    """Whether it passes, and if not the reason by name; `note` says the rest."""

    valid: bool
    reason: Refusal | None
    note: str
    ticket: TicketSeen | None


@router.post("/validate")
def validate(asked: ValidateRequest, serving: Serving, _: Viewer) -> Success[Validation]:
    """Would this ticket pass now, and if not, why not."""
    event = None if asked.event_id is None else find_event(serving.database, str(asked.event_id))
    verdict = verify(serving.database, asked.code, at=now(), event=event)
    seen = verdict.ticket
    return Success(
        data=Validation(
            valid=verdict.valid,
            reason=verdict.refusal,
            note=verdict.note,
            ticket=seen and TicketSeen.model_validate(seen, from_attributes=True),
        )
    )
