"""The first page of the console: what needs a person, the last day, and the next events."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query, Response

from ticketing.access.authentication import AnyEventViewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.backup.status import get_backup_age
from ticketing.console import event_queries, home_queries
from ticketing.console.html import PageDependency
from ticketing.platform.db import incidents
from ticketing.platform.http.services import now

PATH = "/console"
NEXT_EVENTS, MAX_EVENTS = 5, 200
RECENT = timedelta(days=1)  # an event that has just ended is still worked on

router = signed_in_pages_router(PATH, include_in_schema=False)


@router.get("")
def show_home(page: PageDependency, caller: AnyEventViewer) -> Response:
    """Return what waits for a person. Restricted callers see their events only."""
    at, run = now(), page.services.database.run
    is_restricted = caller.event_ids is not None
    age = run(get_backup_age, max_age_hours=page.services.settings.backup_max_age_hours, at=at)
    return page.render(
        "home.html.j2", caller,
        attention=[] if is_restricted else run(home_queries.list_attention, at=at),
        is_restricted=is_restricted,
        day=None if is_restricted else run(home_queries.count_last_day, at=at),
        backup=age, at=at,
        events=run(
            event_queries.list_events, ends_after=at - RECENT, only=caller.event_ids,
            limit=NEXT_EVENTS,
        ),
    )  # fmt: skip


@router.get("/events")
def show_events(
    page: PageDependency,
    caller: AnyEventViewer,
    past: Annotated[bool, Query()] = False,
) -> Response:
    """Return the events that are not over, or all of them."""
    found = page.services.database.run(
        event_queries.list_events, ends_after=None if past else now() - RECENT,
        only=caller.event_ids, limit=MAX_EVENTS,
    )  # fmt: skip
    return page.render("events.html.j2", caller, events=found, past=past)


@router.get("/incidents")
def show_incidents(page: PageDependency, caller: AnyEventViewer) -> Response:
    """Return the open incidents; those of all events only to callers without a restriction."""
    caller.require_event(None)
    found = page.services.database.run(incidents.list_open)
    return page.render("incidents.html.j2", caller, incidents=found)
