"""Monitoring of vouchers: purchases, their deliveries, what failed, and the dashboard."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from ticketing.actions.reconcile_day import OUR_DAYS
from ticketing.actions.voucher_desk import Wanted, dashboard, failed, handed, payments
from ticketing.domain.events import Event
from ticketing.domain.orders import OrderState
from ticketing.domain.trends import Step
from ticketing.domain.vouchers import PurchaseState
from ticketing.store.sales_reports import Span
from ticketing.store.voucher_views import Asked
from ticketing.web.answers import LARGEST_ID, Answer, Offset, Success
from ticketing.web.auth import Viewer, guarded
from ticketing.web.guarded import GuardedRoute
from ticketing.web.problems import documented
from ticketing.web.recent_events import RecentEvents
from ticketing.web.service import Service, Serving, now
from ticketing.web.voucher_board import DashboardShown, dashboard_shown
from ticketing.web.voucher_shapes import (
    FailedShown,
    HandedShown,
    Purchases,
    failed_shown,
    handed_shown,
    purchase_shown,
)

SHOWN_BY_DEFAULT = timedelta(days=7)
HOURS_UP_TO = timedelta(days=2)  # a longer span is shown day by day unless asked otherwise

EventWanted = Annotated[
    str | None, Field(pattern="^[a-z0-9-]{1,63}$", description="The event's slug or number.")
]
# years in which a day before or after is still a date
Instant = Annotated[
    AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))
]
router = APIRouter(
    prefix="/voucher/api",
    tags=["vouchers"],
    route_class=GuardedRoute,
    default_response_class=Answer,
    dependencies=guarded(),
    responses=documented(),
)


class StatusWanted(StrEnum):
    """A purchase's state; `expired` and `cancelled` are what `failed` is, told apart."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    VOUCHER_GENERATION_FAILED = "voucher_generation_failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Paged(BaseModel):
    """Which part of a list, of which event."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Offset = 0
    event: EventWanted = None


class PaymentsAsked(Paged):
    """Which purchases, by their state and when they were placed."""

    status: StatusWanted | None = None
    begins_at: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None

    @property
    def states(self) -> tuple[PurchaseState | None, OrderState | None]:
        """The state of the purchase that is asked for, or of its order."""
        if self.status is None:
            return None, None
        if self.status in {StatusWanted.EXPIRED, StatusWanted.CANCELLED}:
            return None, OrderState(self.status)
        return PurchaseState(self.status), None


class DashboardAsked(BaseModel):
    """Which span is shown, the last seven days unless said otherwise, and in which steps."""

    event: EventWanted = None
    begins_at: Annotated[Instant | None, Field(alias="from")] = None
    to: Instant | None = None
    step: Step | None = None

    def wanted(self, event: Event | None, *, at: datetime) -> Wanted:
        """The same for the desk, with the event that is named."""
        ends_at = self.to or at
        span = Span(self.begins_at or ends_at - SHOWN_BY_DEFAULT, ends_at)
        usual = Step.HOUR if span.ends_at - span.begins_at <= HOURS_UP_TO else Step.DAY
        zone = OUR_DAYS if event is None else ZoneInfo(event.time_zone)
        return Wanted(span, self.step or usual, zone, None if event is None else event.id)


@router.get("/payments", responses=documented(404))
def list_payments(
    asked: Annotated[PaymentsAsked, Query()], serving: Serving, _: Viewer
) -> Success[Purchases]:
    """Purchases, the newest first; `from` and `to` say when they were placed."""
    status, order_state = asked.states
    wanted = Asked(
        status=status,
        order_state=order_state,
        event_id=_event_id(serving, asked.event),
        placed_from=asked.begins_at,
        placed_before=asked.to,
    )
    total, found = payments(serving.database, wanted, limit=asked.limit, offset=asked.offset)
    return Success(
        data=Purchases(
            total_count=total,
            limit=asked.limit,
            offset=asked.offset,
            payments=[purchase_shown(one) for one in found],
        )
    )


@router.get("/delivery-status", responses=documented(404))
def delivery_status(
    purchase_id: Annotated[int, Query(ge=1, le=LARGEST_ID)], serving: Serving, _: Viewer
) -> Success[HandedShown]:
    """How a purchase's codes reach the buyer, with every attempt."""
    return Success(data=handed_shown(handed(serving.database, purchase_id)))


@router.get("/failed-vouchers", responses=documented(404))
def failed_vouchers(
    asked: Annotated[Paged, Query()], serving: Serving, _: Viewer
) -> Success[FailedShown]:
    """Purchases that need somebody: no vouchers after all tries, or no way to tell the buyer."""
    event_id = _event_id(serving, asked.event)
    found = failed(serving.database, event_id, limit=asked.limit, offset=asked.offset)
    return Success(data=failed_shown(found, limit=asked.limit, offset=asked.offset))


@router.get("/dashboard", responses=documented(404))
def show_dashboard(
    asked: Annotated[DashboardAsked, Query()], serving: Serving, _: Viewer
) -> Success[DashboardShown]:
    """Figures of a span, the last seven days unless said otherwise, and what waits now."""
    at = now()
    wanted = asked.wanted(_event(serving, asked.event), at=at)
    return Success(data=dashboard_shown(dashboard(serving.database, wanted, at=at), wanted, at=at))


def _event(serving: Service, named: str | None) -> Event | None:
    return None if named is None else serving.get(RecentEvents).event(named)


def _event_id(serving: Service, named: str | None) -> int | None:
    event = _event(serving, named)
    return None if event is None else event.id
