"""HTTP API of the sync of payment records: start, cancel, reset, progress, failures, decisions.

A start only records the run; a worker drives it. A form of the page is answered by the page.
"""

from http import HTTPStatus
from io import StringIO
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer, find_key
from ticketing.access.sessions.session_token import is_form_token
from ticketing.access.sign_in.pages import find_session
from ticketing.billing.pages.schemas import (
    FailedStudentResponse,
    SyncProgressResponse,
    to_response,
)
from ticketing.billing.pages.stream import SyncStreams
from ticketing.billing.sync import control, held_changes, item_queries
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.progress import progress
from ticketing.platform.http.client_language import client_language
from ticketing.platform.http.envelope import MAX_ID, SuccessResponse
from ticketing.platform.http.errors import Busy, NotAllowed, authenticated_error_responses
from ticketing.platform.http.forms import read_form
from ticketing.platform.http.pages import DEFAULT_LANGUAGE
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.csv_writer import ENCODING
from ticketing.platform.kernel.errors import Misconfigured, NotFound
from ticketing.platform.kernel.languages import LANGUAGES
from ticketing.platform.kernel.xlsx_writer import MEDIA_TYPE

PATH = "/admin/sync-pembayaran"
FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Progress = SuccessResponse[SyncProgressResponse]

router = authenticated_router(PATH, "payment sync", HTTPStatus.CONFLICT)


class SourceNotConfigured(Misconfigured):
    """No source of payment records is configured."""

    status = HTTPStatus.CONFLICT


def require_connector(services: Services) -> BillingConnector:
    """Return the configured source. Raises SourceNotConfigured."""
    connector = services.find(BillingConnector)
    if connector is None:
        raise SourceNotConfigured(
            "no source of payment records is configured: set BILLING_URL and"
            " BILLING_MAPPING, see `.env.example`"
        )
    return connector


def language_of_request(request: Request) -> str:
    """Return the language asked for in the query, or else the browser's."""
    asked = request.query_params.get("language", "")
    return asked if asked in LANGUAGES else client_language(request) or DEFAULT_LANGUAGE


async def verify_form(request: Request) -> bool:
    """Return whether the request is a form of the page. Raises NotAllowed for a forged one."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip() != FORM_MEDIA_TYPE:
        return False
    session, fields = find_session(request), await read_form(request)
    is_known = session is not None and is_form_token(session.token, fields.get("token", ""))
    if not is_known and not find_key(request):
        raise NotAllowed("this form was not sent from this page; open the page again")
    return True


IsForm = Annotated[bool, Depends(verify_form)]
Language = Annotated[str, Depends(language_of_request)]


def _answer(services: Services, language: str, *, is_form: bool) -> Any:  # noqa: ANN401 - as FastAPI
    if is_form:
        return RedirectResponse(f"{PATH}?language={language}", HTTPStatus.SEE_OTHER)
    shown = progress(services.database, require_connector(services).name, at=now())
    return SuccessResponse(data=to_response(shown, language))


@router.post("/start", status_code=HTTPStatus.ACCEPTED, response_model=Progress)
def start(
    services: ServicesDependency, caller: Operator, language: Language, is_form: IsForm
) -> Any:  # noqa: ANN401 - the progress, or the page
    """Start a sync of all students, or go on with what was cancelled or broke off.

    While one runs, 409 `sync_running` with its counters. A worker drives it; closing the page
    changes nothing.
    """
    connector = require_connector(services)
    control.start_run(
        services.database, connector.name, limit=connector.limit, by=caller.actor, at=now()
    )
    return _answer(services, language, is_form=is_form)


@router.post("/cancel", response_model=Progress)
def cancel(
    services: ServicesDependency, caller: Operator, language: Language, is_form: IsForm
) -> Any:  # noqa: ANN401 - the progress, or the page
    """Cancel the running sync: no new request within 2 seconds; what is done is kept."""
    name = require_connector(services).name
    control.cancel_run(services.database, name, by=caller.actor, at=now())
    return _answer(services, language, is_form=is_form)


@router.post("/reset", response_model=Progress)
def reset(
    services: ServicesDependency, caller: Operator, language: Language, is_form: IsForm
) -> Any:  # noqa: ANN401 - the progress, or the page
    """Clear the counters, so that the next start begins anew; only when nothing runs."""
    name = require_connector(services).name
    control.reset_run(services.database, name, by=caller.actor, at=now())
    return _answer(services, language, is_form=is_form)


@router.post("/retry-failed", status_code=HTTPStatus.ACCEPTED, response_model=Progress)
def retry_failed(
    services: ServicesDependency, caller: Operator, language: Language, is_form: IsForm
) -> Any:  # noqa: ANN401 - the progress, or the page
    """Start a sync of the students that failed in the last one."""
    name = require_connector(services).name
    control.retry_failed(services.database, name, by=caller.actor, at=now())
    return _answer(services, language, is_form=is_form)


@router.post("/accept-held", response_model=Progress)
def accept_held(
    services: ServicesDependency, caller: Operator, language: Language, is_form: IsForm
) -> Any:  # noqa: ANN401 - the progress, or the page
    """Apply what vanished in the last sync and was held back."""
    name = require_connector(services).name
    held_changes.accept_held(services.database, name, by=caller.actor, at=now())
    return _answer(services, language, is_form=is_form)


@router.post("/discard-held", response_model=Progress)
def discard_held(
    services: ServicesDependency, caller: Operator, language: Language, is_form: IsForm
) -> Any:  # noqa: ANN401 - the progress, or the page
    """Keep what was stored before, instead of what was held back."""
    name = require_connector(services).name
    held_changes.discard_held(services.database, name, by=caller.actor, at=now())
    return _answer(services, language, is_form=is_form)


@router.get("/progress")
def read(services: ServicesDependency, _: Viewer, language: Language) -> Progress:
    """Return the progress of the running sync, or of the last one."""
    shown = progress(services.database, require_connector(services).name, at=now())
    return SuccessResponse(data=to_response(shown, language))


@router.get("/failures")
def list_failures(
    services: ServicesDependency,
    _: Viewer,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="The last `id` of a page.")] = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="Greatest number of items.")] = 100,
) -> SuccessResponse[list[FailedStudentResponse]]:
    """List the students that failed in the sync that is shown."""
    run = progress(services.database, require_connector(services).name, at=now()).run
    failed = [] if run is None else services.database.run(
        item_queries.list_failed, run.id, after_id=after, limit=limit
    )  # fmt: skip
    return SuccessResponse(data=[FailedStudentResponse.model_validate(one) for one in failed])


@router.get(
    "/differences",
    response_class=Response,
    responses={
        200: {"content": {"text/csv": {}, MEDIA_TYPE: {}}},
        **authenticated_error_responses(404),
    },
)
def read_differences(
    services: ServicesDependency,
    _: Viewer,
    kind: Annotated[
        Literal["csv", "xlsx"], Query(alias="format", description="Kind of the file.")
    ] = "csv",
) -> Response:
    """Return the bills that appeared, changed or vanished in the sync that is shown.

    `xlsx` has two more sheets: sums by class, and the age of the records.
    """
    # pandas takes a quarter of a second to load, and nothing else of this service needs it
    from ticketing.billing.differences.csv_file import write_differences  # noqa: PLC0415
    from ticketing.billing.differences.statement import make_statement  # noqa: PLC0415
    from ticketing.billing.differences.xlsx_file import make_difference_workbook  # noqa: PLC0415

    run = progress(services.database, require_connector(services).name, at=now()).run
    if run is None:
        raise NotFound("there was no sync, or its counters were reset")
    statement = make_statement(services.database, run, at=now())
    if kind == "xlsx":
        content, media_type = make_difference_workbook(statement), MEDIA_TYPE
    else:
        file = StringIO(newline="")
        write_differences(file, statement, delimiter=services.settings.csv_delimiter_character)
        content, media_type = file.getvalue().encode(ENCODING), "text/csv"
    name = f'attachment; filename="differences-{run.id}.{kind}"'
    return Response(
        content, media_type=media_type,
        headers={"Content-Disposition": name, "Cache-Control": "no-store"},
    )  # fmt: skip


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(services: ServicesDependency, _: Viewer, language: Language) -> Response:
    """Stream every change as a server-sent event named `progress`, at least twice a second.

    Its `data` is the `data` of `GET …/progress`. Reconnect when the stream ends.
    """
    require_connector(services)
    events = services.get(SyncStreams).find(language)
    if events is None or events.is_full:
        raise Busy("too many open streams; poll GET …/progress instead", retryAfter=30)
    return StreamingResponse(
        events.events(), media_type="text/event-stream", headers=STREAM_HEADERS
    )
