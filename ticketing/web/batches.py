"""Batches: ordered, and followed until they have ended."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from ticketing.actions.batch_orders import failures_of, progress, take_on, tickets_of
from ticketing.actions.generate import Order
from ticketing.documents.templates import TemplateFolders
from ticketing.store.batches import BatchState
from ticketing.web.answers import LARGEST_ID, Answer, Asked, Id, Offset, Said, Success
from ticketing.web.auth import Operator, Viewer, actor, guarded
from ticketing.web.choices import EventReference, TemplateReference, chosen
from ticketing.web.guarded import GuardedRoute
from ticketing.web.problems import Busy, documented
from ticketing.web.service import Serving, now
from ticketing.web.workshop import Priority, Workshop

router = APIRouter(
    prefix="/api",
    tags=["batches"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(404),
)
BATCH_ID = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$"
GUESTS_AT_MOST = 100_000
CHUNK = 25  # PDFs between two looks at whether the service is to stop: about a second


class Options(Asked):
    """How a batch is to be done. The same `batchId` again is the same batch."""

    batch_id: Annotated[str | None, Field(pattern=BATCH_ID)] = None
    priority: Priority = Priority.NORMAL
    skip_existing: Annotated[
        bool, Field(strict=True, description="false prints again what is printed; codes stay.")
    ] = True
    limit: Annotated[int | None, Field(ge=1, le=LARGEST_ID, strict=True)] = None


class BatchRequest(Asked):
    """Whose tickets for which event; without `guestIds` everyone's that is missing."""

    event_id: EventReference
    guest_ids: Annotated[list[Id] | None, Field(min_length=1, max_length=GUESTS_AT_MOST)] = None
    template_id: TemplateReference = None
    options: Options = Options()


class BatchTaken(Said):
    """A batch that was taken on, or was there already."""

    batch_id: str
    job_id: int
    total_count: int
    status: BatchState
    estimated_completion: datetime | None


class TicketInBatch(Said):
    """One ticket that the batch issued."""

    ticket_id: int
    ticket_code: str
    status: str


class ErrorInBatch(Said):
    """One person whom the batch could not serve."""

    guest_id: int | None
    message: str


class BatchShown(Said):
    """A batch as it stands; `tickets` and `errors` are the page that was asked for."""

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
    tickets: list[TicketInBatch]
    errors: list[ErrorInBatch]


@router.post("/tickets/batch", status_code=202, responses=documented(404, 409))
def order_batch(asked: BatchRequest, serving: Serving, caller: Operator) -> Success[BatchTaken]:
    """Take on a batch; it is carried out while you ask for its status."""
    if serving.get(Workshop).is_full:
        raise Busy("too many batches wait; ask again when some are done", retryAfter=30)
    event = chosen(
        serving, asked.event_id, asked.template_id, templates=serving.get(TemplateFolders)
    )
    options = asked.options
    order = Order(
        by=actor(caller), at=now(), guest_ids=asked.guest_ids, limit=options.limit,
        overwrite=not options.skip_existing, key=options.batch_id, chunk=CHUNK,
    )  # fmt: skip
    taken = take_on(serving.database, event, order, priority=options.priority)
    if taken.order is not None:
        serving.get(Workshop).put(event, taken, options.priority)
    known = progress(serving.database, taken.batch.batch_key, at=now())
    return Success(
        data=BatchTaken(
            batch_id=taken.batch.batch_key,
            job_id=taken.batch.id,
            total_count=known.total,
            status=known.batch.state,
            estimated_completion=known.estimated_completion,
        )
    )


@router.get("/batches/{batch_id}/status")
def status(
    batch_id: Annotated[str, Path(pattern=BATCH_ID)],
    serving: Serving,
    _: Viewer,
    limit: Annotated[int, Query(ge=0, le=1000)] = 100,
    offset: Offset = 0,
) -> Success[BatchShown]:
    """How far a batch is, with a page of its tickets and errors."""
    known = progress(serving.database, batch_id, at=now())
    batch = known.batch
    tickets = tickets_of(serving.database, batch, limit=limit, offset=offset)
    errors = failures_of(serving.database, batch, limit=limit, offset=offset)
    return Success(
        data=BatchShown(
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
            tickets=[TicketInBatch(**ticket._asdict()) for ticket in tickets],
            errors=[ErrorInBatch(**error._asdict()) for error in errors],
        )
    )
