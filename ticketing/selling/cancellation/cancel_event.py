"""Calling an event off, order by order: safe to kill, and to run again until nothing is left.

What is decided is written first: no ticket type is sold any more, and money that comes from then
on completes nothing. An order that was being paid meanwhile is refunded like the others.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.events.model import Event
from ticketing.orders import cancelled_events, flag_queries, instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.cancelled_events import Cancellation
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import PlanOutdated, RefundRefused
from ticketing.selling.cancellation import queries
from ticketing.selling.cancellation.plan_cancellation import asked_for, planned_cancellation
from ticketing.selling.checkout.cancel_order import end_early_places, give_back
from ticketing.selling.payments import attempt_queries, entitlement_queries, refund_queries
from ticketing.selling.payments.complete_order import ask_a_person, tell
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.refunds import plan_queries
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.plan_queries import Subject
from ticketing.selling.refunds.resolve_flag import SURPLUS
from ticketing.selling.refunds.send_refunds import RefundGateway, send_refunds
from ticketing.selling.refunds.service import planned_for
from ticketing.tickets import ticket_write_queries

CHUNK = 100
PEOPLE_AT_ONCE = 1000


class CancellingGateway(RefundGateway, Protocol):
    """A payment gateway that can also end a payment before it is made."""

    def cancel(self, order_id: str) -> object:
        """End an attempt; one that is paid stays paid. Raises Unavailable when nobody knows."""
        ...


@dataclass(frozen=True, slots=True)
class CalledOff:
    """What this run did: orders and tickets ended. `left` orders could not be: run it again.

    `owed` is the number of refunds that have not come about.
    """

    ended: int
    left: int
    tickets: int
    owed: int


def cancel_event(
    database: Database,
    gateway: CancellingGateway,
    event: Event,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
    progress: Callable[[str, int], None] | None = None,
) -> CalledOff:
    """Do what was planned, or go on with it.

    Refuses when anybody's money or tickets are not as they were planned any more.
    """
    with database.transaction() as connection:
        decided = _decided(connection, event, plan_hash, at=at, by=by)
        live, _ = queries.live_tickets(connection, event.id)
    ended = left = 0
    for order_id in _orders(database, event.id):
        if _end(database, gateway, order_id, decided, at=at, by=by):
            ended += 1
        else:
            left += 1
        if progress is not None:
            progress("orders", ended + left)
    refunded = None if progress is None else partial(progress, "refunds")
    send_refunds(database, gateway, at=at, by=by, progress=refunded)
    _end_entitlements(database, decided, at=at)
    with database.transaction() as connection:
        revoked = live - queries.live_tickets(connection, event.id)[0]
        owed = len(refund_queries.owed(connection, event.id))
        if not left and not owed:
            queries.end(connection, event.id, at=at)
        audit_log.record(
            connection,
            actor=by,
            action="events.cancel",
            event_id=event.id,
            subject=event.slug,
            items=ended,
            details={"plan_hash": plan_hash, "left": left, "owed": owed, "tickets": revoked},
        )
    return CalledOff(ended=ended, left=left, tickets=revoked, owed=owed)


def _decided(
    connection: Connection, event: Event, plan_hash: str, *, at: datetime, by: str
) -> Cancellation:
    """The decision: the one that was made under this plan, or a new one if the plan still holds."""
    known = cancelled_events.of(connection, event.id)
    if known is not None and known.plan_hash == plan_hash:
        return known
    asked = plan_queries.asked_under(connection, Subject(event.id), plan_hash)
    now = planned_cancellation(connection, event, asked, at=at)
    if known is not None or now.plan_hash != plan_hash:
        raise PlanOutdated(
            f"{event.slug} has changed since the plan: now {now.amount} would go back for"
            f" {len(now.refunds)} orders and {now.live_tickets} tickets would die; plan again"
        )
    decided = Cancellation(event.id, plan_hash, asked.reason, asked.fee, by, at, None)
    queries.begin(connection, decided)
    ticket_type_queries.close(connection, event.id)
    return decided


def _orders(database: Database, event_id: int) -> Iterator[int]:
    last = 0
    while True:
        with database.transaction() as connection:
            page = queries.orders_to_end(connection, event_id, after=last, limit=CHUNK)
        if not page:
            return
        yield from page
        last = page[-1]


def _end(
    database: Database,
    gateway: CancellingGateway,
    order_id: int,
    decided: Cancellation,
    *,
    at: datetime,
    by: str,
) -> bool:
    """End one order; whatever goes wrong with it is in its flag and stops no other."""
    try:
        _end_payments(database, gateway, order_id, at=at, by=by)
        with database.transaction() as connection:
            _give_everything_back(connection, order_id, decided, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one order's failure must not stop the others
        with database.transaction() as connection:
            order = order_queries.lock(connection, order_id)
            said = f"event called off, order not ended: {type(error).__name__}: {error}"
            ask_a_person(connection, order, Flag.STUCK, said, at=at)
        return False
    return True


def _end_payments(
    database: Database, gateway: CancellingGateway, order_id: int, *, at: datetime, by: str
) -> None:
    """See to it that nothing is paid from now on, and that we know what was."""
    with database.transaction() as connection:
        attempts = [
            one
            for one in attempt_queries.of_order(connection, order_id)
            if not one.state.has_taken_money
        ]
    for attempt in attempts:
        gateway.cancel(attempt.key)
        statement = gateway.statement(attempt.key)
        if statement is not None:
            with database.transaction() as connection:
                record_payment(connection, attempt, statement, at=at, by=by)


def _give_everything_back(
    connection: Connection, order_id: int, decided: Cancellation, *, at: datetime, by: str
) -> None:
    order = order_queries.lock(connection, order_id)
    if order.state is OrderState.PENDING:
        if order.payment_plan_id is not None:
            end_early_places(connection, order, at=at)
            instalment_queries.release(connection, order.id)
        order = give_back(connection, order, OrderState.CANCELLED, at=at)
        _tell(connection, order)
    asked = asked_for(decided.fee, decided.reason)
    with suppress(RefundRefused):  # it was not paid, or an earlier run gave everything back
        planned = planned_for(connection, order, asked, at=at)
        decide_refund(connection, order, planned, at=at, by=by, purpose="event.cancelled.refund")
    for flag in (*SURPLUS, Flag.STUCK):
        flag_queries.resolve(connection, order.id, flag, at=at)


def _tell(connection: Connection, order: Order) -> None:
    if order.buyer is not None:
        tell(connection, order, "event.cancelled", order.buyer.email or order.buyer.phone)


def _end_entitlements(database: Database, decided: Cancellation, *, at: datetime) -> None:
    """End every entitlement that is left, the roster's too, and the tickets on them."""
    reason = f"event called off: {decided.reason}".rstrip(": ")
    while True:
        with database.transaction() as connection:
            people, live = entitlement_queries.withdraw_some(
                connection, decided.event_id, limit=PEOPLE_AT_ONCE
            )
            ticket_write_queries.revoke(connection, live, reason=reason, at=at)
        if not people:
            return
