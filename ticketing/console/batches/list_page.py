"""The list of batches of all events, the depth of each queue, and notifications that are stuck."""

from collections.abc import Mapping
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Query, Response

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.batches import batch_list_queries
from ticketing.console.batches.batch_list_queries import BatchFilter
from ticketing.console.home import PATH
from ticketing.console.html import ConsolePage, PageDependency
from ticketing.events.queries import get_event
from ticketing.monitoring.queue_queries import list_queues
from ticketing.platform.http.envelope import MAX_ID
from ticketing.platform.http.services import now
from ticketing.selling.payments.stuck_notifications import list_stuck_notifications
from ticketing.tickets.batches.generation_queue import MAX_QUEUED_BATCHES
from ticketing.tickets.batches.queries import BatchState
from ticketing.tickets.batches.repair_queries import count_unresolved

BATCHES_PATH = f"{PATH}/batches"
MAX_STUCK = 50

router = signed_in_pages_router(BATCHES_PATH, include_in_schema=False)


def read_filter(
    event: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    *,
    failed: Annotated[bool, Query()] = False,
) -> Mapping[str, str]:
    """Return the filter of the address; a state that does not exist filters nothing."""
    return {
        "event": event,
        "state": state if state in set(BatchState) else "",
        "failed": "true" if failed else "",
    }


@router.get("")
def show_batches(
    page: PageDependency,
    caller: AnyEventViewer,
    chosen: Annotated[Mapping[str, str], Depends(read_filter)],
    before: Annotated[int | None, Query(ge=1, le=MAX_ID)] = None,
) -> Response:
    """Return a page of the batches of the events that the caller may see, the newest first."""
    return render_batches(page, caller, chosen, before=before)


def render_batches(
    page: ConsolePage,
    caller: Caller,
    chosen: Mapping[str, str],
    *,
    before: int | None = None,
    status: int = 200,
    problem: str = "",
) -> Response:
    """Return the list, with the reason of a refusal; restricted callers see batches only."""
    database = page.services.database
    event = get_event(database, chosen["event"]) if chosen["event"] else None
    if event is not None:
        caller.require_event(event.id)
    event_id, only, sees_all = (
        event.id if event else None,
        caller.event_ids,
        caller.event_ids is None,
    )
    state = BatchState(chosen["state"]) if chosen["state"] else None
    wanted = BatchFilter(event_id, state, bool(chosen["failed"]))
    with database.transaction() as connection:
        rows = batch_list_queries.list_batches(connection, wanted, only=only, before=before)
        unresolved = count_unresolved(connection, event_id, only=only)
        queues = list_queues(connection, at=now()) if sees_all else {}
    stuck = list_stuck_notifications(database, limit=MAX_STUCK) if sees_all else (0, [])
    size = batch_list_queries.PAGE
    return page.render(
        "batches.html.j2", caller, status=status, problem=problem, chosen=chosen, event=event,
        batches=rows[:size], following=rows[size - 1].id if len(rows) > size else 0,
        is_first=before is None, states=list(BatchState), unresolved=unresolved,
        queues=queues, stuck_count=stuck[0], stuck=stuck[1], sees_all=sees_all,
        fresh_key=f"retry-{uuid4()}", most=MAX_QUEUED_BATCHES,
    )  # fmt: skip
