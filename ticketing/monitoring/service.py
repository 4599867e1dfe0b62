"""A purchase's codes are sent once more, because a person says so.

Voucher purchases looked at by a person: lists, what needs somebody, and the dashboard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from http import HTTPStatus

from ticketing.monitoring import dashboard_queries, failure_queries, purchase_queries, trend_queries
from ticketing.monitoring.dashboard_queries import OnRouter, PackageSold, Since, StateFigures
from ticketing.monitoring.failure_queries import Attempt, Waiting
from ticketing.monitoring.purchase_queries import Asked, Purchase
from ticketing.monitoring.rates import LOST_AFTER, Handover, Repairs
from ticketing.monitoring.trend_queries import Point
from ticketing.notifications import admin
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import Delivery
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Refused
from ticketing.platform.kernel.time_span import Span, Step, steps
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.model import PurchaseState

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
        found = purchase_queries.page(connection, asked, limit=limit, offset=offset)
        return purchase_queries.count(connection, asked), found


def handed(database: Database, order_id: int) -> Handed:
    """How a purchase's codes reach the buyer. Raises UnknownPurchase."""
    with database.transaction() as connection:
        purchase = purchase_queries.of_order(connection, order_id)
        if purchase is None:
            raise unknown(order_id)
        return Handed(
            purchase,
            failure_queries.of_purchase(connection, purchase.code),
            failure_queries.attempts(connection, purchase.id),
        )


def unknown(order_id: int) -> UnknownPurchase:
    """What is said of a number that no purchase has."""
    return UnknownPurchase(
        f"no purchase of vouchers has the number {order_id}; GET /voucher/api/payments lists them"
    )


def failed(database: Database, event_id: int | None, *, limit: int, offset: int) -> Failed:
    """What somebody has to look at."""
    with database.transaction() as connection:
        total, found = failure_queries.failed(connection, event_id, limit=limit, offset=offset)
        waiting = failure_queries.unserved(connection, [purchase.id for purchase in found])
        return Failed(total, found, waiting)


def dashboard(database: Database, wanted: Wanted, *, at: datetime) -> Dashboard:
    """All figures, as of one moment. Raises SpanTooLong."""
    begun = _beginnings(wanted)
    event_id, span = wanted.event_id, wanted.span
    with database.transaction() as connection:
        known = trend_queries.curve(connection, event_id, span, wanted.step, wanted.zone)
        return Dashboard(
            by_state=dashboard_queries.by_state(connection, event_id, span),
            packages=dashboard_queries.packages_sold(connection, event_id, span),
            handover=dashboard_queries.handover(
                connection, event_id, span, due_before=at - LOST_AFTER
            ),
            repairs=trend_queries.repairs(connection, span),
            curve=[known.get(begins, Point(begins)) for begins in begun],
            for_routers=dashboard_queries.waiting_for_routers(connection, event_id),
            for_channels=dashboard_queries.waiting_for_channels(connection, event_id),
            messages=dashboard_queries.messages(connection, event_id),
            routers=router_queries.everyone(connection),
            on_routers=dashboard_queries.on_routers(connection, event_id),
        )


_LENGTH = {Step.HOUR: timedelta(hours=1), Step.DAY: timedelta(days=1)}


def _beginnings(wanted: Wanted) -> list[datetime]:
    span = wanted.span
    if (span.ends_at - span.begins_at) / _LENGTH[wanted.step] > POINTS_AT_MOST:
        raise SpanTooLong(f"more than {POINTS_AT_MOST} {wanted.step}s: ask for days, or for less")
    return list(steps(span.begins_at, span.ends_at, wanted.step, wanted.zone))


class NothingToSend(Refused):
    """A purchase's codes cannot be sent, or are being sent; the message says what helps."""

    status = HTTPStatus.CONFLICT


def resend_codes(database: Database, order_id: int, *, at: datetime, by: str) -> Handed:
    """Send them at once by the channel that was tried last. Raises UnknownPurchase.

    What waits to be sent anyway is only brought forward; what a vendor has taken goes once more.
    """
    known = handed(database, order_id)
    by_channel = [one for one in known.deliveries if one.channel is not Channel.LINK]
    if not by_channel:
        _explain(known)
        return known
    try:
        admin.resend(database, by_channel[-1].id, at=at, by=by)
    except Refused as why:  # it is being sent at this moment
        raise NothingToSend(f"{known.purchase.code}: {why}") from why
    return handed(database, order_id)


def _explain(known: Handed) -> None:
    """Raises NothingToSend unless the message waits for somebody to take it."""
    purchase = known.purchase
    if known.deliveries:
        raise NothingToSend(
            f"the buyer of {purchase.code} can be reached by no channel; hand on the order's page"
        )
    if purchase.state is not PurchaseState.COMPLETED:
        raise NothingToSend(
            f"{purchase.code} is {purchase.state}, with {purchase.served} of {purchase.ordered}"
            f" vouchers: POST /voucher/api/regenerate-voucher/{purchase.id} when it is paid"
        )
