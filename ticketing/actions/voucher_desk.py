"""Voucher purchases looked at by a person: lists, what needs somebody, and the dashboard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from http import HTTPStatus

from ticketing.domain.deliveries import DeliveryState
from ticketing.domain.errors import Refused
from ticketing.domain.trends import Step, steps
from ticketing.domain.voucher_rates import LOST_AFTER, Handover, Repairs
from ticketing.store import (
    routers,
    voucher_figures,
    voucher_messages,
    voucher_trends,
    voucher_troubles,
    voucher_views,
)
from ticketing.store.database import Database
from ticketing.store.delivery_views import Delivery
from ticketing.store.routers import StoredRouter
from ticketing.store.sales_reports import Span
from ticketing.store.voucher_figures import OnRouter, PackageSold, Since, StateFigures
from ticketing.store.voucher_messages import Attempt
from ticketing.store.voucher_trends import Point
from ticketing.store.voucher_troubles import Waiting
from ticketing.store.voucher_views import Asked, Purchase

POINTS_AT_MOST = 1000


class UnknownPurchase(Refused):
    """No order with a voucher package in it has that number."""

    status = HTTPStatus.NOT_FOUND


class SpanTooLong(Refused):
    """A curve would have more points than anybody can read."""


@dataclass(frozen=True, slots=True)
class Handed:
    """How a purchase's codes reach the buyer: what was tried, and every attempt."""

    purchase: Purchase
    deliveries: Sequence[Delivery]
    attempts: Sequence[Attempt]


@dataclass(frozen=True, slots=True)
class Failed:
    """Purchases that need somebody: how many there are, and a page of them with what waits."""

    total: int
    purchases: Sequence[Purchase]
    waiting: Sequence[Waiting]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dashboard is to show. Steps are the zone's; without an event it shows them all."""

    span: Span
    step: Step
    zone: tzinfo
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """How selling vouchers goes: the purchases placed or paid in a span, and what waits now."""

    by_state: Sequence[StateFigures]
    packages: Sequence[PackageSold]
    handover: Handover
    repairs: Repairs
    curve: Sequence[Point]
    for_routers: Since
    for_channels: Since
    messages: dict[DeliveryState, int]
    routers: Sequence[StoredRouter]
    on_routers: Sequence[OnRouter]


def payments(
    database: Database, asked: Asked, *, limit: int, offset: int
) -> tuple[int, list[Purchase]]:
    """How many purchases there are of those asked for, and a page of them."""
    with database.transaction() as connection:
        found = voucher_views.page(connection, asked, limit=limit, offset=offset)
        return voucher_views.count(connection, asked), found


def handed(database: Database, order_id: int) -> Handed:
    """How a purchase's codes reach the buyer. Raises UnknownPurchase."""
    with database.transaction() as connection:
        purchase = voucher_views.of_order(connection, order_id)
        if purchase is None:
            raise unknown(order_id)
        return Handed(
            purchase,
            voucher_messages.of_purchase(connection, purchase.code),
            voucher_messages.attempts(connection, purchase.id),
        )


def unknown(order_id: int) -> UnknownPurchase:
    """What is said of a number that no purchase has."""
    return UnknownPurchase(
        f"no purchase of vouchers has the number {order_id}; GET /voucher/api/payments lists them"
    )


def failed(database: Database, event_id: int | None, *, limit: int, offset: int) -> Failed:
    """What somebody has to look at."""
    with database.transaction() as connection:
        total, found = voucher_troubles.failed(connection, event_id, limit=limit, offset=offset)
        waiting = voucher_troubles.unserved(connection, [purchase.id for purchase in found])
        return Failed(total, found, waiting)


def dashboard(database: Database, wanted: Wanted, *, at: datetime) -> Dashboard:
    """All figures, as of one moment. Raises SpanTooLong."""
    begun = _beginnings(wanted)
    event_id, span = wanted.event_id, wanted.span
    with database.transaction() as connection:
        known = voucher_trends.curve(connection, event_id, span, wanted.step, wanted.zone)
        return Dashboard(
            by_state=voucher_figures.by_state(connection, event_id, span),
            packages=voucher_figures.packages_sold(connection, event_id, span),
            handover=voucher_figures.handover(
                connection, event_id, span, due_before=at - LOST_AFTER
            ),
            repairs=voucher_trends.repairs(connection, span),
            curve=[known.get(begins, Point(begins)) for begins in begun],
            for_routers=voucher_figures.waiting_for_routers(connection, event_id),
            for_channels=voucher_figures.waiting_for_channels(connection, event_id),
            messages=voucher_figures.messages(connection, event_id),
            routers=routers.everyone(connection),
            on_routers=voucher_figures.on_routers(connection, event_id),
        )


_LENGTH = {Step.HOUR: timedelta(hours=1), Step.DAY: timedelta(days=1)}


def _beginnings(wanted: Wanted) -> list[datetime]:
    span = wanted.span
    if (span.ends_at - span.begins_at) / _LENGTH[wanted.step] > POINTS_AT_MOST:
        raise SpanTooLong(f"more than {POINTS_AT_MOST} {wanted.step}s: ask for days, or for less")
    return list(steps(span.begins_at, span.ends_at, wanted.step, wanted.zone))
