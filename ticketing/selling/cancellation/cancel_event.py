"""Cancel an event order by order; safe to kill, and to repeat until nothing is left.

The decision is stored first: no ticket type is sold any more, and later payments complete no
order. An order that was being paid meanwhile is refunded like the others.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from ticketing.catalogue import ticket_type_queries
from ticketing.events.model import Event
from ticketing.orders import cancellation_queries, instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.cancellation_queries import EventCancellation
from ticketing.orders.order import OrderState, ReviewFlag
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.change_plans import PlanSubject
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_ids
from ticketing.platform.kernel.change_plan import plan_outdated
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.work_pool import work_side_by_side
from ticketing.selling.cancellation import queries
from ticketing.selling.cancellation.plan_cancellation import (
    build_cancellation_plan,
    full_refund_request,
)
from ticketing.selling.checkout.cancel_order import close_pending_order, revoke_early_entitlements
from ticketing.selling.payments import attempt_queries, entitlement_queries, refund_queries
from ticketing.selling.payments.attempt_references import collect_reference
from ticketing.selling.payments.complete_order import flag_stuck, notify_buyer
from ticketing.selling.payments.expire_checkout_sessions import expire_order_sessions
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.record_calls import recording_calls
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import STATUS_CONCURRENCY
from ticketing.selling.refunds import plan_queries
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.resolve_flag import SURPLUS_FLAGS
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.refunds.service import build_refund_plan
from ticketing.tickets.issuing import ticket_write_queries

CHUNK = 100
ENTITLEMENTS_PER_BATCH = 1000


@dataclass(frozen=True, slots=True)
class CancellationResult:
    """Orders and tickets ended by this run, orders left for the next, outstanding refunds."""

    ended: int
    left: int
    tickets: int
    outstanding_refunds: int


def cancel_event(
    database: Database,
    gateway: Midtrans,
    event: Event,
    *,
    plan_hash: str,
    at: datetime,
    by: str,
    progress: Callable[[str, int], None] | None = None,
) -> CancellationResult:
    """Apply a cancellation plan, or continue it.

    Refuses if payments or tickets changed since the plan.
    """
    with database.transaction() as connection:
        decision = _get_or_insert_decision(connection, event, plan_hash, at=at, by=by)
        live, _ = queries.count_live_tickets(connection, event.id)
    ended = left = 0
    order_ids = iter_ids(
        database,
        lambda connection, last_id: queries.list_order_ids_to_end(
            connection, event.id, after_id=last_id, limit=CHUNK
        ),
    )
    for is_ended in work_side_by_side(
        order_ids,
        lambda order_id: _end_order(database, gateway, order_id, decision, at=at, by=by),
        size=STATUS_CONCURRENCY,
        name="cancelling",
    ):
        ended, left = ended + is_ended, left + (not is_ended)
        if progress is not None:
            progress("orders", ended + left)
    refunded = None if progress is None else partial(progress, "refunds")
    send_refunds(database, gateway, at=at, by=by, progress=refunded)
    _withdraw_entitlements(database, decision, at=at)
    with database.transaction() as connection:
        revoked = live - queries.count_live_tickets(connection, event.id)[0]
        outstanding_refunds = len(refund_queries.list_outstanding(connection, event.id))
        if not left and not outstanding_refunds:
            queries.mark_ended(connection, event.id, at=at)
        audit_log.record(
            connection,
            actor=by,
            action=audit_log.CANCEL_EVENT_ACTION,
            event_id=event.id,
            subject=event.slug,
            items=ended,
            details={
                "plan_hash": plan_hash,
                "left": left,
                "outstanding_refunds": outstanding_refunds,
                "tickets": revoked,
            },
        )
    return CancellationResult(
        ended=ended, left=left, tickets=revoked, outstanding_refunds=outstanding_refunds
    )


def _get_or_insert_decision(
    connection: Connection, event: Event, plan_hash: str, *, at: datetime, by: str
) -> EventCancellation:
    """Return the decision made under this plan, or store a new one if the plan is still current."""
    known = cancellation_queries.find(connection, event.id)
    if known is not None and known.plan_hash == plan_hash:
        return known
    request = plan_queries.get_request(connection, PlanSubject(event.id), plan_hash)
    current = build_cancellation_plan(connection, event, request, at=at)
    if known is not None or current.plan_hash != plan_hash:
        effect = (
            f"{current.amount} would be refunded for {len(current.refunds)} orders and"
            f" {current.live_tickets} tickets would be revoked"
        )
        raise plan_outdated(event.slug, effect)
    decision = EventCancellation(event.id, plan_hash, request.reason, request.fee, by, at, None)
    queries.insert_cancellation(connection, decision)
    ticket_type_queries.mark_all_off_sale(connection, event.id)
    return decision


def _end_order(
    database: Database,
    gateway: Midtrans,
    order_id: int,
    cancellation: EventCancellation,
    *,
    at: datetime,
    by: str,
) -> bool:
    """End one order; an error is written into its flag and stops no other."""
    try:
        _end_payments(database, gateway, order_id, at=at, by=by)
        if database.run(_cancel_and_refund, order_id, cancellation, at=at, by=by):
            expire_order_sessions(database, gateway, order_id, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one order's failure must not stop the others
        flag_stuck(database, order_id, error, problem="event cancelled, order not ended", at=at)
        return False
    return True


def _end_payments(
    database: Database, gateway: Midtrans, order_id: int, *, at: datetime, by: str
) -> None:
    """Cancel the unpaid attempts at the gateway, and record the payments it reports."""
    with database.transaction() as connection:
        attempts = [
            one
            for one in attempt_queries.list_for_order(connection, order_id)
            if not one.state.has_taken_money
        ]
    for attempt in attempts:
        known = database.run(collect_reference, attempt.key).transaction_ids
        with recording_calls(database, attempt.key):
            gateway.cancel(attempt.key, known)
            statement = gateway.get_payment_status(attempt.key, known)
        if statement is not None:
            database.run(record_payment, attempt, statement, at=at, by=by)


def _cancel_and_refund(
    connection: Connection, order_id: int, cancellation: EventCancellation, *, at: datetime, by: str
) -> bool:
    """Cancel an order or refund it; return whether it was pending, and so may have sessions."""
    order = order_queries.lock(connection, order_id)
    was_pending = order.state is OrderState.PENDING
    if was_pending:
        if order.payment_plan_id is not None:
            revoke_early_entitlements(connection, order, at=at)
            instalment_queries.detach_payments(connection, order.id)
        order = close_pending_order(connection, order, OrderState.CANCELLED, at=at)
        notify_buyer(connection, order, outbox.EVENT_CANCELLED, is_required=True)
    request = full_refund_request(cancellation.fee, cancellation.reason)
    with suppress(RefundRefused):  # not paid, or refunded by an earlier run
        planned = build_refund_plan(connection, order, request, at=at)
        decide_refund(connection, order, planned, at=at, by=by, purpose=outbox.CANCELLATION_REFUND)
    for flag in (*SURPLUS_FLAGS, ReviewFlag.STUCK):
        review_flag_queries.resolve_flag(connection, order.id, flag, at=at)
    return was_pending


def _withdraw_entitlements(
    database: Database, cancellation: EventCancellation, *, at: datetime
) -> None:
    """Withdraw all remaining entitlements, the roster's too, and revoke their tickets."""
    reason = f"event cancelled: {cancellation.reason}".rstrip(": ")
    while True:
        with database.transaction() as connection:
            people, live = entitlement_queries.withdraw_batch(
                connection, cancellation.event_id, limit=ENTITLEMENTS_PER_BATCH
            )
            ticket_write_queries.mark_revoked(connection, live, reason=reason, at=at)
        if not people:
            return
