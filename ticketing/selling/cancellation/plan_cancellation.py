"""Planning to call an event off: every order, its money and its way back, every ticket."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import cancelled_events
from ticketing.orders import queries as order_queries
from ticketing.orders.fee import RefundFee
from ticketing.orders.order import OrderState
from ticketing.orders.refund import RefundChannel
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.digest import digest
from ticketing.platform.kernel.errors import NotOnSale, RefundRefused
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.selling.cancellation import queries
from ticketing.selling.refunds import plan_queries
from ticketing.selling.refunds.plan_queries import PlanSubject
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest, RefundScope
from ticketing.selling.refunds.service import build_refund_plan

CHUNK = 500


@dataclass(frozen=True, slots=True)
class CancellationPlan:
    """What calling the event off would do; `plan_hash` names it.

    Pending orders are given up; they come and go, so the plan holds whatever their number.
    """

    event: str
    pending: int
    refunds: tuple[RefundPlan, ...]
    live_tickets: int
    plan_hash: str

    @property
    def amount(self) -> Rupiah:
        """What would go back in all."""
        return total(one.amount for one in self.refunds)

    @property
    def kept(self) -> Rupiah:
        """What would be kept in all."""
        return total(one.kept for one in self.refunds)

    @property
    def manual_amount(self) -> Rupiah:
        """What a person would have to transfer."""
        return total(
            part.amount
            for one in self.refunds
            for part in one.parts
            if part.channel is RefundChannel.MANUAL
        )


def full_refund_request(fee: RefundFee, reason: str) -> RefundRequest:
    """What is asked of every order: all places, and all its money."""
    return RefundRequest(money=RefundScope.ALL, fee=fee, reason=reason)


def plan_cancellation(
    database: Database, event: Event, *, fee: RefundFee, reason: str, at: datetime, by: str
) -> CancellationPlan:
    """What calling the event off would do. What was asked is kept under the plan's hash."""
    asked = full_refund_request(fee, reason)
    with database.transaction() as connection:
        if cancelled_events.find(connection, event.id) is not None:
            raise NotOnSale(f"{event.slug} was called off already; apply its plan again to go on")
        planned = build_cancellation_plan(connection, event, asked, at=at)
        plan_queries.store_plan(
            connection, PlanSubject(event.id), asked, plan_hash=planned.plan_hash, at=at, by=by
        )
    return planned


def build_cancellation_plan(
    connection: Connection, event: Event, request: RefundRequest, *, at: datetime
) -> CancellationPlan:
    """The plan for the event as it stands; no order is locked."""
    pending, refunds = 0, list[RefundPlan]()
    for order_id in _iter_order_ids(connection, event.id):
        order = order_queries.get(connection, order_id)
        pending += order.state is OrderState.PENDING
        try:
            refunds.append(build_refund_plan(connection, order, request, at=at))
        except RefundRefused:  # nothing of it is left
            continue
    count, newest = queries.count_live_tickets(connection, event.id)
    facts = [event.uid, [one.plan_hash for one in refunds], count, newest]
    return CancellationPlan(event.slug, pending, tuple(refunds), count, digest(facts))


def _iter_order_ids(connection: Connection, event_id: int) -> Iterator[int]:
    last = 0
    while page := queries.list_order_ids_to_end(connection, event_id, after_id=last, limit=CHUNK):
        yield from page
        last = page[-1]
