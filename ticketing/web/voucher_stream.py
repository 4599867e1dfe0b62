"""The dashboard of vouchers as it changes, over one connection that stays open."""

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from ticketing.actions.voucher_desk import dashboard
from ticketing.store.database import Database
from ticketing.web.auth import Viewer, guarded
from ticketing.web.guarded import GuardedRoute
from ticketing.web.live_board import LiveBoard
from ticketing.web.problems import Busy, documented
from ticketing.web.service import Serving, now
from ticketing.web.voucher_api import DashboardAsked
from ticketing.web.voucher_board import dashboard_shown

UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

router = APIRouter(
    prefix="/voucher/api",
    tags=["vouchers"],
    route_class=GuardedRoute,
    dependencies=guarded(),
    responses=documented(),
)
_MOVING = {"at", "begins_at", "to"}  # with every look, when nothing happened


def board_as_it_is(database: Database) -> tuple[object, str]:
    """What the dashboard shows, and the same as a line of JSON."""
    at = now()
    wanted = DashboardAsked().wanted(None, at=at)
    shown = dashboard_shown(dashboard(database, wanted, at=at), wanted, at=at)
    return shown.model_dump(exclude=_MOVING), shown.model_dump_json(by_alias=True)


@router.get(
    "/stream",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream(serving: Serving, _: Viewer) -> StreamingResponse:
    """Every change of the dashboard, as server-sent events called `dashboard`.

    Each has in `data` what `GET /voucher/api/dashboard` has there. Come again when the stream ends.
    """
    if serving.get(LiveBoard).is_full:
        raise Busy("too many listen already; ask for the dashboard now and then", retryAfter=30)
    return StreamingResponse(
        serving.get(LiveBoard).events(), media_type="text/event-stream", headers=UNBUFFERED
    )
