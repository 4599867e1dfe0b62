"""The page of an event: its figures, generating missing tickets, its newest batches."""

from uuid import uuid4

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from ticketing.access.authentication import Operator, Viewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.checkin import count_queries
from ticketing.console import event_queries
from ticketing.console.batches.start_batch import start_missing
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, PageDependency, redirect
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import EventInPath
from ticketing.platform.http.services import now
from ticketing.tickets.missing import count_eligibility, list_missing_tickets

SHOWN = 10

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
    key = await run_in_threadpool(start_missing, page.services, event, fields, by=caller.actor)
    return redirect(f"{PATH}/batches/{key}")
