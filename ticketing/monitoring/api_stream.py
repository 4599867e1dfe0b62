"""The dashboard of vouchers as it changes, over one connection that stays open."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import Viewer, auth_dependencies
from ticketing.monitoring.api import DashboardParameters
from ticketing.monitoring.schemas_dashboard import to_dashboard_response
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
_VOLATILE_FIELDS = {"at", "begins_at", "to"}  # with every look, when nothing happened


def dashboard_snapshot(database: Database) -> tuple[object, str]:
    """What the dashboard shows, and the same as a line of JSON."""
    at = now()
    wanted = DashboardParameters().to_filter(None, at=at)
    shown = to_dashboard_response(build_dashboard(database, wanted, at=at), wanted, at=at)
    return shown.model_dump(exclude=_VOLATILE_FIELDS), shown.model_dump_json(by_alias=True)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(services: ServicesDependency, _: Viewer) -> StreamingResponse:
    """Every change of the dashboard, as server-sent events called `dashboard`.

    Each has in `data` what `GET /voucher/api/dashboard` has there. Come again when the stream ends.
    """
    if services.get(EventStream).is_full:
        raise Busy("too many listen already; ask for the dashboard now and then", retryAfter=30)
    return StreamingResponse(
        services.get(EventStream).events(), media_type="text/event-stream", headers=STREAM_HEADERS
    )
