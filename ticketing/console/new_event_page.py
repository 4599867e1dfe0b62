"""The form for a new event. What it leaves out has the defaults of `ticketing events create`."""

import re
from collections.abc import Mapping
from datetime import datetime

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from ticketing.access.authentication import AnyEventViewer, Operator
from ticketing.access.caller import Caller
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.home import PATH
from ticketing.console.html import CheckedForm, ConsolePage, PageDependency, redirect
from ticketing.documents.templates import TemplateFolders
from ticketing.events.model import MAX_SLUG_LENGTH, Event, NewEvent
from ticketing.events.service import UnusableEvent, add_event, to_instants
from ticketing.events.template_check import EventTemplateCheck
from ticketing.platform.kernel.errors import Refused

ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
EMPTY = {
    "name": "", "slug": "", "venue": "", "starts": "", "ends": "", "zone": ZONES[0], "locale": "id",
    "template": "classic",
}  # fmt: skip
UNUSABLE = 422

router = signed_in_pages_router(PATH, include_in_schema=False)


@router.get("/new-event")
def show_form(page: PageDependency, caller: AnyEventViewer) -> Response:
    """Return the empty form. An event of a restricted user would be outside of its events."""
    caller.require_event(None)
    return _form(page, caller, EMPTY)


@router.post("/new-event")
async def create(page: PageDependency, caller: Operator, fields: CheckedForm) -> Response:
    """Create the event and lead to it; or show the form again with what is wrong."""
    given = EMPTY | {name: fields.get(name, "").strip() for name in EMPTY}
    try:
        event = await run_in_threadpool(_create, page, given, by=caller.actor)
    except Refused as error:
        return _form(page, caller, given, problem=str(error))
    return redirect(f"{PATH}/events/{event.slug}")


def _form(
    page: ConsolePage, caller: Caller, given: Mapping[str, str], *, problem: str = ""
) -> Response:
    folders = page.services.get(TemplateFolders)
    return page.render(
        "new_event.html.j2", caller, status=UNUSABLE if problem else 200, given=given,
        problem=problem, zones=ZONES, templates=folders.ids(),
    )  # fmt: skip


def _create(page: ConsolePage, given: Mapping[str, str], *, by: str) -> Event:
    starts = _parse_time(given["starts"], "starts")
    ends = _parse_time(given["ends"], "ends") if given["ends"] else None
    first, last = to_instants(starts, ends, given["zone"])
    slug = given["slug"] or _suggest_slug(given["name"], starts.year)
    new = NewEvent(
        slug, given["name"], first, last, given["zone"], given["locale"], given["venue"], "ID",
        given["template"],
    )  # fmt: skip
    check = page.services.get(EventTemplateCheck)
    return add_event(page.services.database, new, by=by, require_template=check.require_usable)


def _parse_time(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UnusableEvent(f"{field} {text!r}: write a date and time") from None


def _suggest_slug(name: str, year: int) -> str:
    """Return `wisuda-periode-ii-2026` for the name of an event."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    known = words if str(year) in words else [*words, str(year)]
    return "-".join(known)[:MAX_SLUG_LENGTH].strip("-")
