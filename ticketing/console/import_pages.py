"""Upload a roster: check what it would change, then import it; see the rejected rows."""

from typing import Annotated

from fastapi import Depends, Path, Response

from ticketing.access.authentication import Operator, Viewer
from ticketing.access.signed_in_pages import signed_in_pages_router
from ticketing.console.home import PATH
from ticketing.console.html import PageDependency, redirect, require_form_token
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import MAX_ID, EventInPath
from ticketing.platform.http.multipart import Form, read_form
from ticketing.roster.uploads.api import enqueue_upload
from ticketing.roster.uploads.import_form import to_upload
from ticketing.roster.uploads.import_request_queries import ImportRequestState
from ticketing.roster.uploads.import_requests import get_import_request

UPLOAD_PATH_PATTERN = rf"{PATH}/events/[^/]+/imports"
REFRESH_SECONDS = 1
_OPEN = (ImportRequestState.QUEUED, ImportRequestState.RUNNING)

router = signed_in_pages_router(f"{PATH}/events", include_in_schema=False)


@router.get("/{event}/imports")
def show_form(event: EventInPath, page: PageDependency, caller: Viewer) -> Response:
    """Return the form."""
    known = get_event(page.services.database, event)
    return page.render("import_form.html.j2", caller, event=known)


@router.post("/{event}/imports")
def upload(
    event: EventInPath,
    page: PageDependency,
    caller: Operator,  # before the form: no upload is read for somebody who may not send one
    form: Annotated[Form, Depends(read_form)],
) -> Response:
    """Accept the file, and lead to its result."""
    [token] = form.fields.get("token", [""])[:1]
    require_form_token(page.request, token)
    rest = {name: texts for name, texts in form.fields.items() if name != "token"}
    settings = page.services.settings
    sent = to_upload(
        Form(rest, form.files), max_bytes=settings.max_file_size,
        delimiter=settings.csv_delimiter_character,
    )  # fmt: skip
    accepted = enqueue_upload(page.services, event, sent, by=caller.actor)
    return redirect(f"{PATH}/events/{event}/imports/{accepted.id}")


@router.get("/{event}/imports/{import_id}")
def show_result(
    event: EventInPath, import_id: Annotated[int, Path(ge=1, le=MAX_ID)], page: PageDependency,
    caller: Viewer,
) -> Response:  # fmt: skip
    """Return the state of an import; the page loads itself again until it has ended."""
    known = get_event(page.services.database, event)
    request = get_import_request(page.services.database, known, import_id)
    return page.render(
        "import.html.j2", caller, event=known, request=request, result=request.result,
        refresh=REFRESH_SECONDS if request.state in _OPEN else 0,
    )  # fmt: skip
