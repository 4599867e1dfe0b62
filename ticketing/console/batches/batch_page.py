"""The page of one batch: its progress, who failed, and its retry."""

from typing import Annotated
from uuid import uuid4

from fastapi import Path, Response

from ticketing.access.authentication import Viewer
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.batches.list_page import BATCHES_PATH
from ticketing.console.html import ConsolePage, PageDependency
from ticketing.events.queries import get_event
from ticketing.platform.http.services import now
from ticketing.tickets import ticket_queries
from ticketing.tickets.batches.api import BATCH_ID_PATTERN
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.batches.service import get_progress

ERRORS = 50
REFRESH_SECONDS = 2
BatchIdInPath = Annotated[str, Path(pattern=BATCH_ID_PATTERN)]

router = signed_in_pages_router(BATCHES_PATH, include_in_schema=False)


@router.get("/{batch_id}")
def show_batch(batch_id: BatchIdInPath, page: PageDependency, caller: Viewer) -> Response:
    """Return the progress of a batch; the page loads itself again until it has ended."""
    return render_batch(page, caller, batch_id)


def render_batch(
    page: ConsolePage, caller: Caller, batch_id: str, *, status: int = 200, problem: str = ""
) -> Response:
    """Return the page, with the reason of a refusal."""
    progress = get_progress(page.services.database, batch_id, at=now())
    batch = progress.batch
    errors = page.services.database.run(
        ticket_queries.list_batch_failures, batch.id, limit=ERRORS, offset=0
    )
    event = get_event(page.services.database, str(batch.event_id))
    is_unresolved = batch.dismissed_at is None and (
        batch.state in {BatchState.FAILED, BatchState.CANCELLED}
        or (batch.state is BatchState.COMPLETED and batch.failed_count > 0)
    )
    return page.render(
        "batch.html.j2", caller, status=status, problem=problem, event=event, progress=progress,
        errors=errors, is_unresolved=is_unresolved, fresh_key=f"retry-{uuid4()}",
        refresh=REFRESH_SECONDS if batch.completed_at is None else 0,
    )  # fmt: skip
