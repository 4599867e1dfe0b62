"""The guests of an event: a table with a search, and why somebody has no ticket."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated

from fastapi import Path, Query, Response
from fastapi.concurrency import run_in_threadpool

from ticketing.access.authentication import Operator, Viewer
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console import event_queries
from ticketing.console.event_queries import PAGE, GuestRow
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, ConsolePage, PageDependency, redirect
from ticketing.events.model import Event
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import MAX_ID, EventInPath
from ticketing.platform.http.services import now
from ticketing.platform.kernel.errors import Refused
from ticketing.roster.guests.edit_guest import edit_guest
from ticketing.roster.model import RosterField
from ticketing.tickets.batches.generation_queue import TicketGenerationQueue
from ticketing.tickets.reports.explain import explain_person

UNUSABLE = 422

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
    """Return what happened to a guest, from the roster to the gate, and the form to edit it."""
    known = get_event(page.services.database, event)
    return _show(page, caller, known, guest_id)


@router.post("/{event}/guests/{guest_id}")
async def edit(
    event: EventInPath,
    guest_id: Annotated[int, Path(ge=1, le=MAX_ID)],
    page: PageDependency,
    caller: Operator,
    fields: CheckedForm,
) -> Response:
    """Change a guest, and render the PDF of its ticket again under the same code."""
    known = await run_in_threadpool(get_event, page.services.database, event)
    try:
        await run_in_threadpool(_edit, page, known, guest_id, fields, by=caller.actor)
    except Refused as error:
        return await run_in_threadpool(
            _show, page, caller, known, guest_id, given=fields, problem=str(error)
        )
    return redirect(f"{PATH}/events/{known.slug}/guests/{guest_id}")


def _edit(
    page: ConsolePage, event: Event, guest_id: int, fields: Mapping[str, str], *, by: str
) -> None:
    """Change the fields that differ: an old value need not be one that would be accepted today."""
    stored = page.services.database.run(event_queries.get_guest_fields, event.id, guest_id) or {}
    values = {
        RosterField(name): fields[name].strip()
        for name, before in stored.items()
        if fields.get(name, before).strip() != before
    }
    edit_guest(page.services.database, event, guest_id, values, by=by, at=now())
    page.services.get(TicketGenerationQueue).render_guest(event, guest_id)


def _show(
    page: ConsolePage,
    caller: Caller,
    known: Event,
    guest_id: int,
    *,
    given: Mapping[str, str] | None = None,
    problem: str = "",
) -> Response:
    found = explain_person(page.services.database, known, str(guest_id), at=now())
    people = [one for one in found.people if one.guest_id == guest_id]
    stored = page.services.database.run(event_queries.get_guest_fields, known.id, guest_id)
    status = (UNUSABLE if problem else 200) if people else 404
    return page.render(
        "guest.html.j2", caller, status=status, event=known, problem=problem,
        person=people[0] if people else None,
        fields=None if stored is None else stored | dict(given or {}),
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
