"""Endpoints for monitoring vouchers: purchases, deliveries, failures, dashboard and its stream."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, Field

from ticketing.access.authenticated_route import AuthenticatedRoute
from ticketing.access.authentication import Viewer, auth_dependencies
from ticketing.events.cache import EventCache
from ticketing.events.model import Event
from ticketing.monitoring import purchase_queries
from ticketing.monitoring.purchase_queries import PurchaseFilter
from ticketing.monitoring.schemas import (
    DeliveryLogPageResponse,
    DeliveryStatusResponse,
    FailedPurchasePageResponse,
    PurchasePageResponse,
)
from ticketing.monitoring.schemas_dashboard import DashboardResponse
from ticketing.monitoring.service import (
    DashboardFilter,
    build_dashboard,
    get_purchase_delivery,
    list_delivery_log,
    list_failed_purchases,
)
from ticketing.orders.order import OrderState
from ticketing.platform.db.database import Database
from ticketing.platform.http.envelope import MAX_ID, AsciiJSONResponse, Offset, SuccessResponse
from ticketing.platform.http.errors import Busy, authenticated_error_responses
from ticketing.platform.http.services import Services, ServicesDependency, now
from ticketing.platform.http.sse import EventStream
from ticketing.platform.kernel.time_span import BUSINESS_TIME_ZONE, TimeSpan, TimeStep
from ticketing.vouchers.model import PurchaseState

DEFAULT_SPAN = timedelta(days=7)
MAX_HOURLY_SPAN = timedelta(days=2)  # longer spans default to days

EventParameter = Annotated[
    str | None,
    Field(pattern="^[a-z0-9-]{1,63}$", description="The event's slug or number; default: all."),
]
# within datetime's range by more than a day
Instant = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))
]
From = Annotated[
    Instant | None,
    Field(alias="from", description="Start, ISO 8601 with a time zone; included."),
]
To = Annotated[
    Instant | None, Field(description="End, ISO 8601 with a time zone; excluded. Default: now.")
]
router = APIRouter(
    prefix="/voucher/api",
    tags=["vouchers"],
    route_class=AuthenticatedRoute,
    default_response_class=AsciiJSONResponse,
    dependencies=auth_dependencies(),
    responses=authenticated_error_responses(),
)


class PurchaseStatusFilter(StrEnum):
    """State of a purchase; `expired` and `cancelled` are the two kinds of `failed`."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    VOUCHER_GENERATION_FAILED = "voucher_generation_failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PageParameters(BaseModel):
    """Page of a list, optionally of one event."""

    limit: Annotated[
        int, Field(ge=1, le=500, description="Greatest number of items on the page.")
    ] = 50
    offset: Offset = 0
    event: EventParameter = None


class PurchaseListParameters(PageParameters):
    """Page of purchases, optionally by state and time of placing."""

    status: Annotated[
        PurchaseStatusFilter | None, Field(description="State of the purchase; default: all.")
    ] = None
    begins_at: From = None
    to: To = None

    @property
    def states(self) -> tuple[PurchaseState | None, OrderState | None]:
        """The requested state of the purchase, or of its order."""
        if self.status is None:
            return None, None
        if self.status in {PurchaseStatusFilter.EXPIRED, PurchaseStatusFilter.CANCELLED}:
            return None, OrderState(self.status)
        return PurchaseState(self.status), None


class DeliveryStatusParameters(PageParameters):
    """One purchase, or a page of the delivery log."""

    purchase_id: Annotated[
        int | None,
        Field(ge=1, le=MAX_ID, description="The purchase's id; default: attempts for all."),
    ] = None


class DashboardParameters(BaseModel):
    """Time span of the dashboard, by default the last seven days, and its step."""

    event: EventParameter = None
    begins_at: From = None
    to: To = None
    step: Annotated[
        TimeStep | None,
        Field(description="Length of a step; default: hours for up to two days, else days."),
    ] = None

    def to_filter(self, event: Event | None, *, at: datetime) -> DashboardFilter:
        """Return the filter for the service, with the named event and default values."""
        ends_at = self.to or at
        span = TimeSpan(self.begins_at or ends_at - DEFAULT_SPAN, ends_at)
        usual = TimeStep.HOUR if span.ends_at - span.begins_at <= MAX_HOURLY_SPAN else TimeStep.DAY
        zone = BUSINESS_TIME_ZONE if event is None else ZoneInfo(event.time_zone)
        return DashboardFilter(span, self.step or usual, zone, None if event is None else event.id)


@router.get("/payments", responses=authenticated_error_responses(404))
def list_payments(
    parameters: Annotated[PurchaseListParameters, Query()], services: ServicesDependency, _: Viewer
) -> SuccessResponse[PurchasePageResponse]:
    """Return purchases, newest first; `from` and `to` limit when they were placed."""
    status, order_state = parameters.states
    purchase_filter = PurchaseFilter(
        status=status,
        order_state=order_state,
        event_id=_event_id(services, parameters.event),
        placed_from=parameters.begins_at,
        placed_before=parameters.to,
    )
    with services.database.transaction() as connection:
        page = PurchasePageResponse(
            total_count=purchase_queries.count_purchases(connection, purchase_filter),
            limit=parameters.limit,
            offset=parameters.offset,
            payments=purchase_queries.list_purchases(
                connection, purchase_filter, limit=parameters.limit, offset=parameters.offset
            ),
        )
    return SuccessResponse(data=page)


@router.get("/delivery-status", responses=authenticated_error_responses(404))
def delivery_status(
    parameters: Annotated[DeliveryStatusParameters, Query()],
    services: ServicesDependency,
    _: Viewer,
) -> SuccessResponse[DeliveryStatusResponse | DeliveryLogPageResponse]:
    """Return the deliveries of a purchase's codes, or without an id a page of all attempts."""
    if parameters.purchase_id is not None:
        found = get_purchase_delivery(services.database, parameters.purchase_id)
        return SuccessResponse(data=found)
    page = list_delivery_log(
        services.database,
        _event_id(services, parameters.event),
        limit=parameters.limit,
        offset=parameters.offset,
    )
    return SuccessResponse(data=page)


@router.get("/failed-vouchers", responses=authenticated_error_responses(404))
def failed_vouchers(
    parameters: Annotated[PageParameters, Query()], services: ServicesDependency, _: Viewer
) -> SuccessResponse[FailedPurchasePageResponse]:
    """Return purchases that need attention: failed vouchers, or codes that cannot be delivered."""
    page = list_failed_purchases(
        services.database,
        _event_id(services, parameters.event),
        limit=parameters.limit,
        offset=parameters.offset,
    )
    return SuccessResponse(data=page)


@router.get("/dashboard", responses=authenticated_error_responses(404))
def show_dashboard(
    parameters: Annotated[DashboardParameters, Query()], services: ServicesDependency, _: Viewer
) -> SuccessResponse[DashboardResponse]:
    """Return the figures of a span, by default the last seven days, and the current queues."""
    at = now()
    dashboard_filter = parameters.to_filter(_event(services, parameters.event), at=at)
    return SuccessResponse(data=build_dashboard(services.database, dashboard_filter, at=at))


STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

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


def _event(services: Services, slug_or_id: str | None) -> Event | None:
    return None if slug_or_id is None else services.get(EventCache).get(slug_or_id)


def _event_id(services: Services, slug_or_id: str | None) -> int | None:
    event = _event(services, slug_or_id)
    return None if event is None else event.id
