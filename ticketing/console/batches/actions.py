"""Forms of batches and jobs: retry one or all, take one off the list, process notifications."""

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import Path, Response
from sqlalchemy import Connection

from ticketing.access.authentication import Operator
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.batches.batch_page import BatchIdInPath, render_batch
from ticketing.console.batches.list_page import BATCHES_PATH, read_filter, render_batches
from ticketing.console.batches.start_batch import start_retry
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, ConsolePage, PageDependency, redirect
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import MAX_ID, EventInPath
from ticketing.platform.http.services import now
from ticketing.platform.kernel.errors import PlanOutdated, Refused
from ticketing.selling.payments import stuck_notifications
from ticketing.tickets.batches import repair_queries
from ticketing.tickets.batches.generation_queue import MAX_QUEUED_BATCHES
from ticketing.tickets.batches.queries import Batch
from ticketing.tickets.batches.retry import dismiss_batch

NotificationIdInPath = Annotated[int, Path(ge=1, le=MAX_ID)]
Action = Literal["retry", "dismiss"]
JOBS_PATH = f"{PATH}/jobs"
MAX_COUNT_DIGITS = 12

router = signed_in_pages_router(BATCHES_PATH, include_in_schema=False)
event_router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)
job_router = signed_in_pages_router(JOBS_PATH, include_in_schema=False)


@router.post("/{batch_id}/retry")
def retry(
    batch_id: BatchIdInPath, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Retry a batch, and lead to the progress of what does it."""
    try:
        key = start_retry(page.services, batch_id, fields.get("key", ""), by=caller.actor)
    except Refused as error:
        return render_batch(page, caller, batch_id, status=error.status, problem=str(error))
    return redirect(f"{BATCHES_PATH}/{key}")


@router.post("/{batch_id}/dismiss")
def dismiss(
    batch_id: BatchIdInPath, page: PageDependency, caller: Operator, _: CheckedForm
) -> Response:
    """Take a batch off the list of failures."""
    try:
        dismiss_batch(page.services.database, batch_id, at=now(), by=caller.actor)
    except Refused as error:
        return render_batch(page, caller, batch_id, status=error.status, problem=str(error))
    return redirect(f"{BATCHES_PATH}?failed=true")


@job_router.post("/batches/{action}")
def repair_all(
    action: Action, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Retry the batches of all events that lack something, or take them off the list."""
    return _repair_all(page, caller, fields, action, event_id=None)


@event_router.post("/{event}/batches/{action}")
def repair_all_of_event(
    event: EventInPath, action: Action, page: PageDependency, caller: Operator, fields: CheckedForm
) -> Response:
    """Retry the batches of an event that lack something, or take them off the list."""
    event_id = get_event(page.services.database, event).id
    return _repair_all(page, caller, {**fields, "event": event}, action, event_id=event_id)


def _repair_all(
    page: ConsolePage, caller: Caller, fields: Mapping[str, str], action: Action, *,
    event_id: int | None,
) -> Response:  # fmt: skip
    chosen, services = read_filter(fields.get("event", ""), failed=True), page.services
    try:
        found = services.database.run(_list_expected, event_id, _count_of(fields))
        for number, one in enumerate(found):
            if action == "retry":
                key = f"{fields.get('key') or 'retry'}-{number}"
                start_retry(services, one.batch_key, key, by=caller.actor)
            else:
                dismiss_batch(services.database, one.batch_key, at=now(), by=caller.actor)
    except Refused as error:
        return render_batches(page, caller, chosen, status=error.status, problem=str(error))
    return redirect(f"{BATCHES_PATH}?event={chosen['event']}")


def _list_expected(connection: Connection, event_id: int | None, expected: int) -> list[Batch]:
    """Return the oldest batches to repair. Raises PlanOutdated unless all are as many as said."""
    count = repair_queries.count_unresolved(connection, event_id)
    if count != expected:
        raise PlanOutdated(f"{count} batches lack something now, not {expected}; look again")
    return repair_queries.list_unresolved(connection, event_id, limit=MAX_QUEUED_BATCHES)


def _count_of(fields: Mapping[str, str]) -> int:
    count = fields.get("count", "")
    return int(count) if count.isdecimal() and len(count) < MAX_COUNT_DIGITS else -1


@job_router.post("/notifications/retry")
def retry_notifications(page: PageDependency, caller: Operator, fields: CheckedForm) -> Response:
    """Process all payment notifications that wait, as many as the page said."""
    try:
        stuck_notifications.retry_all_notifications(
            page.services.database, expected=_count_of(fields), by=caller.actor
        )
    except PlanOutdated as error:
        return render_batches(page, caller, read_filter(), status=error.status, problem=str(error))
    return redirect(BATCHES_PATH)


@job_router.post("/notifications/{notification_id}/{action}")
def decide_notification(
    notification_id: NotificationIdInPath, action: Action, page: PageDependency, caller: Operator,
    _: CheckedForm,
) -> Response:  # fmt: skip
    """Process one payment notification again, or take a quarantined one off the list."""
    database = page.services.database
    try:
        if action == "retry":
            stuck_notifications.retry_notification(database, notification_id, by=caller.actor)
        else:
            stuck_notifications.dismiss_notification(database, notification_id, by=caller.actor)
    except Refused as error:
        return render_batches(page, caller, read_filter(), status=error.status, problem=str(error))
    return redirect(BATCHES_PATH)
