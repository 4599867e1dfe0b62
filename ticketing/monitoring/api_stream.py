"""Server-sent events with the changes of the voucher dashboard."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import Viewer, auth_dependencies
from ticketing.monitoring.api import DashboardParameters
from ticketing.monitoring.service import build_dashboard
from ticketing.platform.db.database import Database
from ticketing.platform.http.errors import Busy, authenticated_error_responses
from ticketing.platform.http.services import ServicesDependency, now
from ticketing.platform.http.sse import EventStream

STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

router = APIRouter(
    prefix="/voucher/api",
    tags=["vouchers"],
    route_class=AuthenticatedRoute,
    dependencies=auth_dependencies(),
    responses=authenticated_error_responses(),
)
_VOLATILE_FIELDS = {"at", "begins_at", "to"}  # differ in every snapshot


def dashboard_snapshot(database: Database) -> tuple[object, str]:
    """Return the dashboard for comparison without volatile fields, and as a line of JSON."""
    at = now()
    dashboard_filter = DashboardParameters().to_filter(None, at=at)
    response = build_dashboard(database, dashboard_filter, at=at)
    return response.model_dump(exclude=_VOLATILE_FIELDS), response.model_dump_json(by_alias=True)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(services: ServicesDependency, _: Viewer) -> StreamingResponse:
    """Stream every change of the dashboard as a server-sent event named `dashboard`.

    Its `data` is the `data` of `GET /voucher/api/dashboard`. Reconnect when the stream ends.
    """
    if services.get(EventStream).is_full:
        raise Busy("too many open streams; poll GET /voucher/api/dashboard instead", retryAfter=30)
    return StreamingResponse(
        services.get(EventStream).events(), media_type="text/event-stream", headers=STREAM_HEADERS
    )
