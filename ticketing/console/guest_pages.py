"""The guests of an event: a table with a search, and why somebody has no ticket."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from fastapi import Path, Query, Response

from ticketing.access.authentication import Viewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console import event_queries
from ticketing.console.event_queries import PAGE, GuestRow
from ticketing.console.home import PATH
from ticketing.console.html import PageDependency
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import MAX_ID, EventInPath
from ticketing.platform.http.services import now
from ticketing.tickets.reports.explain import explain_person

router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)


@router.get("/{event}/guests")
def show_guests(
    event: EventInPath, page: PageDependency, caller: Viewer,
    text: Annotated[str, Query(alias="q", max_length=100)] = "",
    after: Annotated[str, Query(max_length=400)] = "",
) -> Response:  # fmt: skip
    """Return a page of the guests by name."""
    known = get_event(page.services.database, event)
    rows = page.services.database.run(
        event_queries.list_guests, known.id, text.strip(), after=_from_cursor(after)
    )
    following = _to_cursor(rows[PAGE - 1]) if len(rows) > PAGE else ""
    return page.render(
        "guests.html.j2", caller, event=known, guests=rows[:PAGE],
        text=text.strip(), following=following, is_first=not after,
    )  # fmt: skip


@router.get("/{event}/guests/{guest_id}")
def show_guest(
    event: EventInPath,
    guest_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    page: PageDependency,
    caller: Viewer,
) -> Response:
    """Return what happened to a guest, from the roster to the gate."""
    known = get_event(page.services.database, event)
    found = explain_person(page.services.database, known, str(guest_id), at=now())
    people = [one for one in found.people if one.guest_id == guest_id]
    return page.render(
        "guest.html.j2", caller, status=200 if people else 404, event=known,
        person=people[0] if people else None,
    )  # fmt: skip


def _to_cursor(row: GuestRow) -> str:
    return urlsafe_b64encode(f"{row.entitlement_id} {row.full_name}".encode()).decode("ascii")


def _from_cursor(cursor: str) -> tuple[str, int] | None:
    """Return name and id behind which the page begins; None for the first, or nonsense."""
    try:
        number, _, name = urlsafe_b64decode(cursor).decode().partition(" ")
        return (name, int(number)) if cursor and 0 < int(number) <= MAX_ID else None
    except ValueError:
        return None
