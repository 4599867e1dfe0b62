"""HTTP API for closing reports: their list, and the signed files."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Response

from ticketing.access.authenticated_route import authenticated_router
from ticketing.access.authentication import Operator
from ticketing.events.queries import get_event
from ticketing.platform.http.envelope import EventInPath, ResponseModel, SuccessResponse
from ticketing.platform.http.services import ServicesDependency
from ticketing.reporting.closing import report_queries
from ticketing.reporting.closing.create import read_report

MAX_NUMBER = 2**31 - 1

router = authenticated_router("/api/events", "events", 404)


class ClosingReportResponse(ResponseModel):
    """A closing report; `sha256` is that of its file."""

    number: int
    """Number of the report within its event, from 1."""
    sha256: str
    """SHA-256 of the file, in hex; the next report contains it."""
    created_at: datetime
    """ISO 8601 in UTC."""
    created_by: str
    """The author: a user of the command line, or an API key."""


@router.get("/{event}/closing-reports")
def list_closing_reports(
    event: EventInPath, services: ServicesDependency, _: Operator
) -> SuccessResponse[list[ClosingReportResponse]]:
    """Return the closing reports of an event, oldest first."""
    known = get_event(services.database, event)
    stored = services.database.run(report_queries.list_for_event, known.id)
    return SuccessResponse(data=[ClosingReportResponse.model_validate(one) for one in stored])


@router.get("/{event}/closing-reports/{number}", response_class=Response)
def get_closing_report(
    event: EventInPath,
    number: Annotated[int, Path(ge=1, le=MAX_NUMBER, description="Its number within the event.")],
    services: ServicesDependency,
    _: Operator,
) -> Response:
    """Return the signed file of a closing report, byte for byte and without an envelope."""
    known = get_event(services.database, event)
    file = read_report(services.database, known, number)
    return Response(file, media_type="application/json")
