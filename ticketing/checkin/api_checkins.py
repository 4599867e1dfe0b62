"""HTTP API of check-ins: scans with their verdicts, undoing them, counts, conflicts, search."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.concurrency import run_in_threadpool

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import CheckInCaller, Gate
from ticketing.checkin import count_queries, scan_queries, search_queries
from ticketing.checkin.model import CheckIn
from ticketing.checkin.record_scan import choose_list, record_scan, undo_scan
from ticketing.checkin.schemas import (
    NONCE_PATTERN,
    CheckInBatchRequest,
    CheckInBatchResponse,
    CheckInCountsResponse,
    CheckInRequest,
    CheckInResponse,
    FoundTicketsResponse,
    PictureTextResponse,
    UndoRequest,
)
from ticketing.documents.qr_picture import read_qr_picture
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import EventInPath, SuccessResponse
from ticketing.platform.http.services import ServicesDependency, now

MAX_FOUND = 30
PICTURE_BODY = {
    "required": True,
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}}
        for kind in ("image/jpeg", "image/png")
    },
}

router = authenticated_router("/api/checkins", "check-in", 404, 409)
event_router = authenticated_router("/api/events", "check-in", 404, 409)


@router.post("")
def check_in(
    body: CheckInRequest, services: ServicesDependency, caller: CheckInCaller
) -> SuccessResponse[CheckInResponse]:
    """Use a ticket up, once for each list. A refused ticket is answered with 200 and its reason."""
    event = get_event(services.database, str(body.event_id))
    recorded = record_scan(
        services.database, event, body.to_scan(), list_id=body.list_id, gate=caller.name, at=now()
    )
    return SuccessResponse(data=CheckInResponse.model_validate(recorded))


@router.post("/batch")
def check_in_batch(
    body: CheckInBatchRequest, services: ServicesDependency, caller: CheckInCaller
) -> SuccessResponse[CheckInBatchResponse]:
    """Record the scans of a gate. After an interruption, send them again: none counts twice."""
    event = get_event(services.database, str(body.event_id))
    recorded = [
        record_scan(
            services.database, event, scan.to_scan(), list_id=body.list_id, gate=caller.name,
            at=now(),
        )
        for scan in body.scans
    ]  # fmt: skip
    return SuccessResponse(data=CheckInBatchResponse(checkins=_to_responses(recorded)))


@router.post("/{nonce}/undo")
def undo(
    nonce: Annotated[str, Path(pattern=NONCE_PATTERN, description="The nonce of the scan.")],
    body: UndoRequest,
    services: ServicesDependency,
    caller: CheckInCaller,
) -> SuccessResponse[CheckInResponse]:
    """Undo an admission, so that the ticket can be used again."""
    event = get_event(services.database, str(body.event_id))
    undone = undo_scan(
        services.database, event, nonce, reason=body.reason, by=caller.actor, at=now()
    )
    return SuccessResponse(data=CheckInResponse.model_validate(undone))


@event_router.get("/{event}/checkins/counts")
def counts(
    event: EventInPath, services: ServicesDependency, _: Gate
) -> SuccessResponse[CheckInCountsResponse]:
    """Return how many tickets were used, for each list and gate."""
    known = get_event(services.database, event)
    with services.database.transaction() as connection:
        choose_list(connection, known, None, at=now())
        lists = count_queries.count_by_list(connection, known.id)
        gates = count_queries.count_by_gate(connection, known.id)
        conflicts = scan_queries.list_conflicts(connection, known.id, limit=MAX_FOUND)
    answer = {"lists": lists, "gates": gates, "conflicts": conflicts}
    return SuccessResponse(data=CheckInCountsResponse.model_validate(answer))


@event_router.post("/{event}/checkins/read-picture", openapi_extra={"requestBody": PICTURE_BODY})
async def read_picture(
    event: EventInPath, request: Request, services: ServicesDependency, _: CheckInCaller
) -> SuccessResponse[PictureTextResponse]:
    """Return the text of the QR code in a picture, for phones whose browser cannot read it.

    Nothing is checked in, and the picture is not kept.
    """
    await run_in_threadpool(get_event, services.database, event)
    text = await run_in_threadpool(read_qr_picture, await request.body())
    return SuccessResponse(data=PictureTextResponse(text=text))


@event_router.get("/{event}/checkins/search")
def search(
    event: EventInPath,
    services: ServicesDependency,
    _: Gate,
    text: Annotated[
        str,
        Query(
            alias="q",
            min_length=2,
            max_length=100,
            description="Words of a name, a ticket code or a seat.",
        ),
    ],
    list_id: Annotated[
        int | None, Query(alias="listId", ge=1, description="The list; the entrance by default.")
    ] = None,
) -> SuccessResponse[FoundTicketsResponse]:
    """Find the tickets of people who come without them. Check who the person is."""
    known = get_event(services.database, event)
    with services.database.transaction() as connection:
        wanted = choose_list(connection, known, list_id, at=now())
        found = search_queries.search_tickets(
            connection, known.id, wanted.id, text, limit=MAX_FOUND
        )
    return SuccessResponse(data=FoundTicketsResponse.model_validate({"tickets": found}))


def _to_responses(recorded: Sequence[CheckIn]) -> list[CheckInResponse]:
    return [CheckInResponse.model_validate(one) for one in recorded]
