"""Batches: ordered, and followed until they have ended."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer, actor
from ticketing.events.http_params import EventReference
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    MAX_ID,
    Id,
    Offset,
    RequestModel,
    ResponseModel,
    SuccessResponse,
)
from ticketing.platform.http.errors import Busy, authenticated_error_responses
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


class BatchOptions(RequestModel):
    """Options of a batch. A repeated `batchId` refers to the same batch."""

    batch_id: Annotated[str | None, Field(pattern=BATCH_ID_PATTERN)] = None
    priority: BatchPriority = BatchPriority.NORMAL
    skip_existing: Annotated[
        bool, Field(strict=True, description="false prints again what is printed; codes stay.")
    ] = True
    limit: Annotated[int | None, Field(ge=1, le=MAX_ID, strict=True)] = None


class BatchRequest(RequestModel):
    """Tickets of an event for these guests; without `guestIds` all missing ones.

    `where` leaves out guests who do not match, are on hold, or are withdrawn.
    """

    event_id: EventReference
    guest_ids: Annotated[list[Id] | None, Field(min_length=1, max_length=MAX_GUESTS)] = None
    where: Where = Field(default_factory=list)
    template_id: TemplateReference = None
    options: BatchOptions = BatchOptions()


class BatchAcceptedResponse(ResponseModel):
    """An accepted or existing batch."""

    batch_id: str
    job_id: int
    total_count: int
    status: BatchState
    estimated_completion: datetime | None


class BatchTicketResponse(ResponseModel):
    """A ticket issued by the batch."""

    ticket_id: int
    ticket_code: str
    status: str


class BatchErrorResponse(ResponseModel):
    """A guest for whom the batch failed."""

    guest_id: int | None
    message: str


class BatchStatusResponse(ResponseModel):
    """Progress of a batch; `tickets` and `errors` are one page."""

    batch_id: str
    job_id: int
    event_id: int
    status: BatchState
    priority: str
    total_count: int
    processed_count: int
    failed_count: int
    skipped_count: int
    started_at: datetime
    completed_at: datetime | None
    estimated_completion: datetime | None
    tickets: list[BatchTicketResponse]
    errors: list[BatchErrorResponse]


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
        by=actor(caller), at=now(), guest_ids=body.guest_ids, limit=options.limit,
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
    batch_id: Annotated[str, Path(pattern=BATCH_ID_PATTERN)],
    services: ServicesDependency,
    _: Viewer,
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
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
