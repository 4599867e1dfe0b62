"""The pages of an event: its figures, generating missing tickets, batches with their progress."""

import re
from typing import Annotated
from uuid import uuid4

from fastapi import Path, Response
from fastapi.concurrency import run_in_threadpool

from ticketing.access.authentication import Operator, Viewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.checkin import count_queries
from ticketing.console import event_queries
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, PageDependency, redirect
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import EventInPath
from ticketing.platform.http.errors import Busy
from ticketing.platform.http.services import Services, now
from ticketing.tickets import ticket_queries
from ticketing.tickets.batches.api import BATCH_ID_PATTERN, CHUNK
from ticketing.tickets.batches.generation_queue import BatchPriority, TicketGenerationQueue
from ticketing.tickets.batches.service import accept_batch, get_progress
from ticketing.tickets.generate import GenerationRequest
from ticketing.tickets.missing import count_eligibility, list_missing_tickets

SHOWN, ERRORS = 10, 50
REFRESH_SECONDS = 2

router = signed_in_pages_router(PATH, include_in_schema=False)


@router.get("/events/{event}")
def show_event(event: EventInPath, page: PageDependency, caller: Viewer) -> Response:
    """Return the figures of an event, and what can be done with its tickets."""
    known, at = get_event(page.services.database, event), now()
    counts = count_eligibility(page.services.database, known, at=at)
    return page.render(
        "event.html.j2", caller,
        event=known, counts=counts, fresh_key=f"console-{uuid4()}",
        missing=list_missing_tickets(page.services.database, known, at=at, limit=SHOWN, offset=0),
        batches=page.services.database.run(event_queries.list_batches, known.id, limit=SHOWN),
        lists=page.services.database.run(count_queries.count_by_list, known.id),
    )  # fmt: skip


@router.post("/events/{event}/generate")
async def generate(
    event: EventInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Generate the missing tickets in the background, and lead to their progress.

    The form carries the key of the batch, so that sending it twice starts one.
    """
    key = await run_in_threadpool(
        _start_batch, page.services, event, fields.get("key", ""), by=caller.actor
    )
    return redirect(f"{PATH}/batches/{key}")


def _start_batch(services: Services, event: str, key: str, *, by: str) -> str:
    queue = services.get(TicketGenerationQueue)
    if queue.is_full:
        raise Busy("too many batches are waiting; retry when some are completed", retryAfter=30)
    known = get_event(services.database, event)
    known_key = key if re.fullmatch(BATCH_ID_PATTERN, key) else None
    request = GenerationRequest(by=by, at=now(), key=known_key, chunk=CHUNK)
    accepted = accept_batch(services.database, known, request, priority=BatchPriority.HIGH)
    if accepted.request is not None:
        queue.enqueue(known, accepted, BatchPriority.HIGH)
    return accepted.batch.batch_key


@router.get("/batches/{batch_id}")
def show_batch(
    batch_id: Annotated[str, Path(pattern=BATCH_ID_PATTERN)], page: PageDependency, caller: Viewer
) -> Response:
    """Return the progress of a batch; the page loads itself again until it has ended."""
    progress = get_progress(page.services.database, batch_id, at=now())
    errors = page.services.database.run(
        ticket_queries.list_batch_failures, progress.batch.id, limit=ERRORS, offset=0
    )
    event = get_event(page.services.database, str(progress.batch.event_id))
    return page.render(
        "batch.html.j2", caller, event=event, progress=progress, errors=errors,
        refresh=REFRESH_SECONDS if progress.batch.completed_at is None else 0,
    )  # fmt: skip
