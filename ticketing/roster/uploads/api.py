"""HTTP API of imports: upload a roster, follow its import, download the rejected rows."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from fastapi.responses import FileResponse
from pydantic import Field

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator, Viewer
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import (
    NO_STORE_HEADERS,
    EventInPath,
    ResponseModel,
    SuccessResponse,
)
from ticketing.platform.http.errors import Busy, authenticated_error_responses
from ticketing.platform.http.fields import EventId, ImportIdInPath
from ticketing.platform.http.multipart import Form, read_form
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.kernel.errors import NotFound
from ticketing.roster.uploads.import_form import FORM_SCHEMA, to_upload
from ticketing.roster.uploads.import_request_queries import ImportRequest, ImportRequestState
from ticketing.roster.uploads.import_request_queue import ImportRequestQueue
from ticketing.roster.uploads.import_requests import (
    AcceptedImport,
    UploadedRoster,
    accept_upload,
    get_import_request,
    rejected_path,
)

router = authenticated_router("/api/events", "imports", 404)
ImportId = Annotated[int, Field(description="The import's id, for its status.")]
DryRun = Annotated[bool, Field(description="Whether the import only reports what it would do.")]
FileName = Annotated[str, Field(description="Name of the uploaded file.")]
UPLOAD_PATH_PATTERN = r"/api/events/[^/]+/imports"


class ImportAcceptedResponse(ResponseModel):
    """An accepted import."""

    import_id: ImportId
    status: ImportRequestState
    """Always `queued`."""
    dry_run: DryRun
    file_name: FileName


class ImportChangeResponse(ResponseModel):
    """A field of a guest that the file changes."""

    line: int
    """Line of the file."""
    person: str
    """The guest: id in the roster, or name."""
    field: str
    """The field that changes."""
    old: str
    """The stored value; empty for none."""
    new: str
    """The value of the file; empty if it is cleared."""


class ImportRejectedRowResponse(ResponseModel):
    """A rejected row."""

    line: int
    """Line of the file."""
    field: str
    """The field that the reason is about; empty for the whole row."""
    value: str
    """The value in the file."""
    reason: str
    """What is wrong and what to do, in English."""


class ImportRowWarningResponse(ImportRejectedRowResponse):
    """A warning about an imported row."""


class TouchedTicketsResponse(ResponseModel):
    """The live tickets of guests that an import changes or withdraws."""

    live: int = 0
    """Number of live tickets."""
    delivered: int = 0
    """Number of them that were sent to their holders already."""
    checked_in: int = 0
    """Number of them that were used at an entrance."""


class ImportStatusResponse(ResponseModel):
    """State and result of an import. Lists have the first 20 items, the counts are complete."""

    import_id: ImportId
    event_id: EventId
    file_name: FileName
    dry_run: DryRun
    status: ImportRequestState
    """`queued` or `running`; ended: `completed`, `failed`, or `interrupted` by the end of the
    service."""
    error_code: str
    """Code of the error as of a refused request; empty unless it failed."""
    message: str
    """Why it failed or was interrupted, in English; empty otherwise."""
    requested_at: datetime
    """When the file was accepted, ISO 8601 in UTC."""
    completed_at: datetime | None
    """When the import ended, ISO 8601 in UTC; null until then."""
    record_id: int | None = Field(description="Number in the import history; null for a dry run.")
    sheet: str = ""
    """Name of the imported sheet; empty for a CSV file."""
    total: int = 0
    """Number of rows in the file."""
    inserted: int = 0
    """Number of new guests."""
    updated: int = 0
    """Number of changed guests."""
    unchanged: int = 0
    """Number of rows that change nothing."""
    rejected: int = 0
    """Number of rows that cannot be guests."""
    withdrawn: int = 0
    """Number of guests who are not in the file and are withdrawn; 0 unless requested."""
    touched_tickets: TouchedTicketsResponse = Field(default_factory=TouchedTicketsResponse)
    """Tickets of guests whom the import changes or withdraws."""
    warnings: list[str] = Field(default_factory=list)
    """Remarks about the file as a whole."""
    warning_count: int = Field(0, description="Number of warnings about imported rows.")
    row_warnings: list[ImportRowWarningResponse] = Field(default_factory=list)
    """Remarks about imported rows."""
    notices: list[str] = Field(
        default_factory=list, description="Possible duplicates, touched tickets, empty cells."
    )
    changes: list[ImportChangeResponse] = Field(default_factory=list)
    """Fields of known guests that the file changes."""
    rejected_rows: list[ImportRejectedRowResponse] = Field(default_factory=list)
    """The rejected rows with their reasons."""


class NoRejectedRows(NotFound):
    """The import has no file of rejected rows."""


@router.post("/{event}/imports", status_code=202, openapi_extra=FORM_SCHEMA)
def create_import(
    event: EventInPath,
    caller: Operator,  # before the form: no upload is read for somebody who may not send one
    form: Annotated[Form, Depends(read_form)],
    services: ServicesDependency,
) -> SuccessResponse[ImportAcceptedResponse]:
    """Accept a roster for import in the background; follow its status."""
    settings = services.settings
    upload = to_upload(
        form, max_bytes=settings.max_file_size, delimiter=settings.csv_delimiter_character
    )
    accepted = enqueue_upload(services, event, upload, by=caller.actor)
    return SuccessResponse(
        data=ImportAcceptedResponse(
            import_id=accepted.id,
            status=ImportRequestState.QUEUED,
            dry_run=upload.options.dry_run,
            file_name=upload.file_name,
        )
    )


def enqueue_upload(
    services: Services, event: str, upload: UploadedRoster, *, by: str
) -> AcceptedImport:
    """Accept an upload for import in the background. Raises Busy when too many wait."""
    queue, known = services.get(ImportRequestQueue), get_event(services.database, event)
    if not queue.reserve():
        raise Busy("too many imports are waiting; retry when some have ended", retryAfter=30)
    try:
        accepted = accept_upload(services.database, queue.folder, known, upload, at=now(), by=by)
        queue.enqueue(accepted)
    except BaseException:
        queue.release()
        raise
    return accepted


@router.get("/{event}/imports/{import_id}")
def status(
    event: EventInPath, import_id: ImportIdInPath, services: ServicesDependency, _: Viewer
) -> SuccessResponse[ImportStatusResponse]:
    """Return the state of an import, and its result when it has ended."""
    known = get_event(services.database, event)
    request = get_import_request(services.database, known, import_id)
    return SuccessResponse(data=_to_status(request))


_RESULT_FIELDS = (
    "sheet", "total", "inserted", "updated", "unchanged", "withdrawn", "warnings", "warning_count",
    "row_warnings",
)  # fmt: skip


def _to_status(request: ImportRequest) -> ImportStatusResponse:
    result = dict(request.result)
    counted = {name: result[name] for name in _RESULT_FIELDS if name in result}
    return ImportStatusResponse.model_validate(
        counted
        | {
            "import_id": request.id,
            "event_id": request.event_id,
            "file_name": request.file_name,
            "dry_run": request.dry_run,
            "status": request.state,
            "error_code": request.error_code,
            "message": _message(request),
            "requested_at": request.requested_at,
            "completed_at": request.completed_at,
            "record_id": request.import_id,
            "rejected": result.get("quarantined", 0),
            "touched_tickets": result.get("touched_tickets", {}),
            "notices": result.get("notices", []),
            "changes": result.get("changes", []),
            "rejected_rows": result.get("quarantine", []),
        }
    )


def _message(request: ImportRequest) -> str:
    if request.state is ImportRequestState.INTERRUPTED:
        return "the service ended before the import did; send the file again"
    return request.message


@router.get(
    "/{event}/imports/{import_id}/rejected.csv",
    response_class=FileResponse,
    responses={200: {"content": {"text/csv": {}}}, **authenticated_error_responses(404)},
)
def rejected_rows(
    event: EventInPath, import_id: ImportIdInPath, services: ServicesDependency, _: Operator
) -> FileResponse:
    """Return the rejected rows as CSV, each with its reason; corrected, they can be imported."""
    known = get_event(services.database, event)
    request = get_import_request(services.database, known, import_id)
    path = rejected_path(services.get(ImportRequestQueue).folder, request.id)
    if not path.is_file():
        raise NoRejectedRows(f"import {import_id} has no rejected rows, or they were deleted")
    return FileResponse(
        path,
        media_type="text/csv",
        filename=f"{known.slug}.import-{request.id}.rejected.csv",
        headers=NO_STORE_HEADERS,
    )
