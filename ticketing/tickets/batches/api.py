"""Batches: ordered, and followed until they have ended."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer
from ticketing.events.http_params import EventReference
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    MAX_ID,
    Id,
    Offset,
    RequestModel,
    ResponseModel,
    SuccessResponse,
    with_example,
)
from ticketing.platform.http.errors import Busy, authenticated_error_responses
from ticketing.platform.http.fields import EventId, TicketCode, TicketId
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.tickets import ticket_queries
from ticketing.tickets.api_templates import TemplateReference, resolve_template
from ticketing.tickets.batches.generation_queue import BatchPriority, TicketGenerationQueue
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.batches.service import (
    accept_batch,
    get_progress,
)
from ticketing.tickets.generate import GenerationRequest
from ticketing.tickets.guest_filter import parse_filter
from ticketing.tickets.http_params import Where

router = authenticated_router("/api", "batches", 404)
BATCH_ID_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"
MAX_GUESTS = 100_000
CHUNK = 25  # PDFs between two checks for shutdown: about a second

BatchKey = Annotated[str, Field(description="The id of the batch, yours or a made one.")]
JobId = Annotated[int, Field(description="The number of the batch, assigned by the service.")]
BatchStatus = Annotated[
    BatchState, Field(description="`processing`; ended: `completed`, `failed` or `cancelled`.")
]
EstimatedCompletion = Annotated[
    datetime | None,
    Field(description="Expected end, ISO 8601 in UTC; null if unknown, or when it has ended."),
]


class BatchOptions(RequestModel):
    """Options of a batch. A repeated `batchId` refers to the same batch."""

    batch_id: Annotated[str | None, Field(pattern=BATCH_ID_PATTERN)] = None
    """Your own id of the batch; null makes one. The same id again returns the same batch."""
    priority: BatchPriority = BatchPriority.NORMAL
    """`high` is taken before `normal`, and `normal` before `low`."""
    skip_existing: Annotated[
        bool, Field(strict=True, description="false prints again what is printed; codes stay.")
    ] = True
    limit: Annotated[int | None, Field(ge=1, le=MAX_ID, strict=True)] = None
    """Greatest number of tickets to issue; null for no limit."""


class BatchRequest(RequestModel):
    """Tickets of an event for these guests; without `guestIds` all missing ones.

    `where` leaves out guests who do not match, are on hold, or are withdrawn.
    """

    model_config = with_example(
        {
            "eventId": "wisuda-2026",
            "guestIds": None,
            "options": {"batchId": "wisuda-1", "priority": "high", "limit": 500},
        }
    )

    event_id: EventReference
    guest_ids: Annotated[list[Id] | None, Field(min_length=1, max_length=MAX_GUESTS)] = None
    """The guests to issue tickets for; null for everyone whose ticket is missing."""
    where: Where = Field(default_factory=list)
    template_id: TemplateReference = None
    options: BatchOptions = BatchOptions()
    """Options of the processing."""


class BatchAcceptedResponse(ResponseModel):
    """An accepted or existing batch."""

    batch_id: BatchKey
    job_id: JobId
    total_count: int
    """Number of tickets that the batch attempts."""
    status: BatchStatus
    estimated_completion: EstimatedCompletion


class BatchTicketResponse(ResponseModel):
    """A ticket issued by the batch."""

    ticket_id: TicketId
    ticket_code: TicketCode
    status: str
    """`issued`, `generated`, `failed` or `revoked`, as of a single ticket."""


class BatchErrorResponse(ResponseModel):
    """A guest for whom the batch failed."""

    guest_id: int | None
    """The guest who got no ticket; null if the failure is not about one guest."""
    message: str
    """Why there is no ticket or no PDF."""


class BatchStatusResponse(ResponseModel):
    """Progress of a batch; `tickets` and `errors` are one page."""

    batch_id: BatchKey
    job_id: JobId
    event_id: EventId
    status: BatchStatus
    priority: str
    """`high`, `normal` or `low`."""
    total_count: int
    """Number of tickets that the batch attempts."""
    processed_count: int
    """Number of PDFs rendered so far. With the skipped and failed ones it adds up to the total."""
    failed_count: int
    """Number of tickets that failed; `errors` says why."""
    skipped_count: int
    """Number of guests who had a ticket already."""
    started_at: datetime
    """When the batch was accepted, ISO 8601 in UTC."""
    completed_at: datetime | None
    """When the batch ended, ISO 8601 in UTC; null while it is processed."""
    estimated_completion: EstimatedCompletion
    tickets: list[BatchTicketResponse]
    """A page of the issued tickets, by `limit` and `offset`."""
    errors: list[BatchErrorResponse]
    """A page of the failures, by the same `limit` and `offset`."""


@router.post("/tickets/batch", status_code=202, responses=authenticated_error_responses(404, 409))
def create_batch(
    body: BatchRequest, services: ServicesDependency, caller: Operator
) -> SuccessResponse[BatchAcceptedResponse]:
    """Accept a batch for processing in the background; poll its status."""
    if services.get(TicketGenerationQueue).is_full:
        raise Busy("too many batches are waiting; retry when some are completed", retryAfter=30)
    event = get_event(services.database, str(body.event_id))
    options = body.options
    generation = GenerationRequest(
        by=caller.actor, at=now(), guest_ids=body.guest_ids, limit=options.limit,
        overwrite=not options.skip_existing, key=options.batch_id, chunk=CHUNK,
        template_id=resolve_template(services, event, body.template_id),
        wanted=parse_filter(body.where),
    )  # fmt: skip
    accepted = accept_batch(services.database, event, generation, priority=options.priority)
    if accepted.request is not None:
        services.get(TicketGenerationQueue).enqueue(event, accepted, options.priority)
    progress = get_progress(services.database, accepted.batch.batch_key, at=now())
    return SuccessResponse(
        data=BatchAcceptedResponse(
            batch_id=accepted.batch.batch_key,
            job_id=accepted.batch.id,
            total_count=progress.total,
            status=progress.batch.state,
            estimated_completion=progress.estimated_completion,
        )
    )


@router.get("/batches/{batch_id}/status")
def status(
    batch_id: Annotated[
        str, Path(pattern=BATCH_ID_PATTERN, description="The `batchId` of the batch.")
    ],
    services: ServicesDependency,
    _: Viewer,
    limit: Annotated[
        int, Query(ge=0, le=1000, description="Greatest number of tickets, and of errors.")
    ] = 100,
    offset: Offset = 0,
) -> SuccessResponse[BatchStatusResponse]:
    """Return the progress of a batch, with a page of its tickets and errors."""
    known = get_progress(services.database, batch_id, at=now())
    batch = known.batch
    run, page = services.database.run, {"limit": limit, "offset": offset}
    tickets = run(ticket_queries.list_by_batch, batch.id, **page)
    errors = run(ticket_queries.list_batch_failures, batch.id, **page)
    return SuccessResponse(
        data=BatchStatusResponse(
            batch_id=batch.batch_key,
            job_id=batch.id,
            event_id=batch.event_id,
            status=batch.state,
            priority=batch.priority,
            total_count=known.total,
            processed_count=known.processed,
            failed_count=batch.failed_count,
            skipped_count=batch.skipped_count,
            started_at=batch.started_at,
            completed_at=batch.completed_at,
            estimated_completion=known.estimated_completion,
            tickets=[BatchTicketResponse.model_validate(one) for one in tickets],
            errors=[BatchErrorResponse.model_validate(one) for one in errors],
        )
    )
