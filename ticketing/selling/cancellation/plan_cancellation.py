"""Plan the cancellation of an event: every order, its refund and channel, every ticket."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import cancellation_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import OrderState
from ticketing.orders.refund import RefundChannel, RefundFee
from ticketing.platform.db.change_plans import PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.db.payment_environment import PRODUCTION
from ticketing.platform.kernel.change_plan import digest
from ticketing.platform.kernel.errors import Conflict, NotOnSale, RefundRefused
from ticketing.platform.kernel.money import Rupiah, total
from ticketing.selling.cancellation import queries
from ticketing.selling.refunds import plan_queries
from ticketing.selling.refunds.refund_plan import RefundPlan, RefundRequest, RefundScope
from ticketing.selling.refunds.service import build_refund_plan

CHUNK = 500


class OtherEnvironment(Conflict):
    """An event has orders of another payment environment, whose gateway cannot be asked here."""


@dataclass(frozen=True, slots=True)
class CancellationPlan:
    """The effects of cancelling an event; `plan_hash` identifies them.

    Pending orders are cancelled; they come and go, so their number does not change the hash.
    """

    event: str
    pending: int
    refunds: tuple[RefundPlan, ...]
    live_tickets: int
    plan_hash: str

    @property
    def amount(self) -> Rupiah:
        """Return the total to be refunded."""
        return total(one.amount for one in self.refunds)

    @property
    def kept(self) -> Rupiah:
        """Return the total of the fees."""
        return total(one.kept for one in self.refunds)

    @property
    def manual_amount(self) -> Rupiah:
        """Return the total that staff would have to transfer."""
        return total(
            part.amount
            for one in self.refunds
            for part in one.parts
            if part.channel is RefundChannel.MANUAL
        )


def full_refund_request(fee: RefundFee, reason: str) -> RefundRequest:
    """Return the refund request for every order: all places and all payments."""
    return RefundRequest(money=RefundScope.ALL, fee=fee, reason=reason)


def plan_cancellation(
    database: Database, event: Event, *, fee: RefundFee, reason: str, at: datetime, by: str
) -> CancellationPlan:
    """Plan the cancellation of an event, and store the request under the plan's hash."""
    request = full_refund_request(fee, reason)
    with database.transaction() as connection:
        if cancellation_queries.find(connection, event.id) is not None:
            raise NotOnSale(f"{event.slug} is cancelled already; apply its plan again to continue")
        planned = build_cancellation_plan(connection, event, request, at=at)
        plan_queries.store_request(
            connection, PlanSubject(event.id), request, plan_hash=planned.plan_hash, at=at, by=by
        )
    return planned


def build_cancellation_plan(
    connection: Connection, event: Event, request: RefundRequest, *, at: datetime
) -> CancellationPlan:
    """Return the plan for the current state of the event; no order is locked.

    Refuses while orders of another payment environment have places or money: they cannot end here.
    """
    _refuse_orders_elsewhere(connection, event)
    pending, refunds = 0, list[RefundPlan]()
    for order_id in _iter_order_ids(connection, event.id):
        order = order_queries.get(connection, order_id)
        pending += order.state is OrderState.PENDING
        try:
            refunds.append(build_refund_plan(connection, order, request, at=at))
        except RefundRefused:  # nothing to refund
            continue
    count, newest = queries.count_live_tickets(connection, event.id)
    facts = [event.uid, [one.plan_hash for one in refunds], count, newest]
    return CancellationPlan(event.slug, pending, tuple(refunds), count, digest(facts))


def _refuse_orders_elsewhere(connection: Connection, event: Event) -> None:
    found = queries.count_orders_elsewhere(connection, event.id)
    if not found:
        return
    counts = ", ".join(f"{number} orders placed in {name}" for name, number in found)
    way_out = f"clear them first: `ticketing go-live --event {event.slug}`"
    if any(name == PRODUCTION for name, _ in found):
        way_out = f"cancel it with MIDTRANS_ENVIRONMENT={PRODUCTION}, which can refund them"
    raise OtherEnvironment(
        f"{event.slug} has {counts}; {way_out}", orders=sum(number for _, number in found)
    )


def _iter_order_ids(connection: Connection, event_id: int) -> Iterator[int]:
    last_id = 0
    while order_ids := queries.list_order_ids_to_end(
        connection, event_id, after_id=last_id, limit=CHUNK
    ):
        yield from order_ids
        last_id = order_ids[-1]
