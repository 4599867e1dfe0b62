"""An event's lists: who lacks a ticket, and all PDFs in one file."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from ticketing.actions.missing import missing_count, missing_tickets
from ticketing.actions.ticket_archive import archive
from ticketing.documents.folder import DocumentFolder
from ticketing.store.events import find_event
from ticketing.web.answers import Answer, EventInPath, Offset, Said, Success
from ticketing.web.auth import Operator, Viewer, guarded
from ticketing.web.guarded import GuardedRoute
from ticketing.web.problems import documented
from ticketing.web.service import Serving, now

router = APIRouter(
    prefix="/api/events",
    tags=["events"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(404),
)


class PersonWithoutTicket(Said):
    """Somebody who is entitled, eligible and without a live ticket."""

    guest_id: int
    external_id: str | None
    first_name: str
    last_name: str
    full_name: str
    ticket_type: str
    seat: str


class MissingTickets(Said):
    """A page of them, and how many there are."""

    event_id: int
    total_count: int
    limit: int
    offset: int
    guests: list[PersonWithoutTicket]


class MissingCount(Said):
    """How many tickets are missing."""

    event_id: int
    count: int


@router.get("/{event}/missing-tickets")
def missing(
    event: EventInPath,
    serving: Serving,
    _: Viewer,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Offset = 0,
) -> Success[MissingTickets]:
    """Who should have a ticket and has none, in the order of the list."""
    known, at = find_event(serving.database, event), now()
    page = missing_tickets(serving.database, known, at=at, limit=limit, offset=offset)
    return Success(
        data=MissingTickets(
            event_id=known.id,
            total_count=missing_count(serving.database, known, at=at),
            limit=limit,
            offset=offset,
            guests=[
                PersonWithoutTicket.model_validate(person, from_attributes=True) for person in page
            ],
        )
    )


@router.get("/{event}/missing-tickets/count")
def count_missing(event: EventInPath, serving: Serving, _: Viewer) -> Success[MissingCount]:
    """How many should have a ticket and have none."""
    known = find_event(serving.database, event)
    found = missing_count(serving.database, known, at=now())
    return Success(data=MissingCount(event_id=known.id, count=found))


@router.get(
    "/{event}/tickets.zip",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def tickets_zip(event: EventInPath, serving: Serving, _: Operator) -> StreamingResponse:
    """Every live ticket's PDF, streamed."""
    known = find_event(serving.database, event)
    named = {"Content-Disposition": f'attachment; filename="{known.slug}.zip"'}
    return StreamingResponse(
        archive(serving.database, serving.get(DocumentFolder), known),
        media_type="application/zip",
        headers={"Cache-Control": "private, no-store", **named},
    )
