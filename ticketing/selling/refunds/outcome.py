"""Record the outcome of refunds: done, failed or postponed at the gateway, or decided by staff.

A refund may have been completed meanwhile, for example by a notification; then nothing changes.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import audit, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, ReviewFlag
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.platform.kernel.retry_policy import RetryPolicy
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.complete_order import flag_for_review
from ticketing.selling.refunds.refund_plan import require_own_environment
from ticketing.selling.refunds.resolve_flag import flag_undecided_payments

# sent by the hourly reconciliation for more than a day: by then a card's payment is settled
REFUND_RETRIES = RetryPolicy(delays=(timedelta(hours=1),) * 29)


def record_refund_done(connection: Connection, refund: Refund, *, at: datetime) -> RefundState:
    """Record that the gateway made the refund; safe to repeat."""
    order_queries.lock(connection, refund.order_id)
    now = refund_queries.get(connection, refund.id)
    if now.state is not RefundState.DONE:
        refund_queries.update_state(connection, now, RefundState.DONE, at=at)
        attempt = attempt_queries.get(connection, refund.attempt_id)
        refunded = refund_queries.sum_refunded_through_gateway(connection, attempt)
        attempt_queries.update_attempt(connection, replace(attempt, refunded=refunded), at=at)
        update_refunded_total(connection, refund, at=at)
    return RefundState.DONE


def update_refunded_total(connection: Connection, refund: Refund, *, at: datetime) -> None:
    """Update the order's refunded amount and flags after a completed refund."""
    returned = refund_queries.sum_refunded(connection, refund.order_id)
    order_queries.set_refunded(connection, refund.order_id, returned)
    resolve_flag_if_none_failed(connection, refund.order_id, at=at)


def record_refund_failed(
    connection: Connection, refund: Refund, reason: str, *, at: datetime
) -> RefundState:
    """Record that the gateway refused; the refund stays outstanding, and the order is flagged."""
    order = order_queries.lock(connection, refund.order_id)
    now = refund_queries.get(connection, refund.id)
    if now.state not in {RefundState.REQUESTED, RefundState.SENT}:
        return now.state
    refund_queries.update_state(connection, now, RefundState.FAILED, at=at, message=reason)
    flag_for_review(connection, order, ReviewFlag.REFUND_FAILED, f"{refund.key}: {reason}", at=at)
    return RefundState.FAILED


def record_refund_postponed(
    connection: Connection, refund: Refund, reason: str, *, at: datetime
) -> None:
    """Release a refund for the next run; flag the order after too many attempts."""
    order = order_queries.lock(connection, refund.order_id)
    refund_queries.release(connection, refund, message=reason)
    if REFUND_RETRIES.is_exhausted(refund.attempt_count):
        message = f"{refund.key}: still open after {refund.attempt_count} attempts: {reason}"
        flag_for_review(connection, order, ReviewFlag.REFUND_FAILED, message, at=at)


def resolve_flag_if_none_failed(connection: Connection, order_id: int, *, at: datetime) -> None:
    """Resolve the refund_failed flag when no failed refund is left."""
    known = refund_queries.list_for_order(connection, order_id)
    if all(one.state is not RefundState.FAILED for one in known):
        review_flag_queries.resolve_flag(connection, order_id, ReviewFlag.REFUND_FAILED, at=at)


_MANUAL_STATES = {RefundState.MANUAL, RefundState.FAILED}


def mark_transferred(
    database: Database, code: str, *, key: str | None, reference: str, at: datetime, by: str
) -> Refund:
    """Record that staff transferred the money; the same reference again changes nothing."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        refund = _find_refund(connection, order, key, _MANUAL_STATES | {RefundState.DONE})
        if refund.state is RefundState.DONE:
            if refund.reference != reference:
                raise RefundRefused(
                    f"refund {refund.key} is done already, with reference {refund.reference!r}"
                )
            return refund
        refund_queries.mark_transferred(connection, refund, reference=reference, at=at)
        update_refunded_total(connection, refund, at=at)
        _record(connection, order, refund, "refunds.mark_paid", by=by, reason=reference)
        return refund_queries.get(connection, refund.id)


def retry_refund(
    database: Database, code: str, *, key: str | None, at: datetime, by: str
) -> Refund:
    """Request a failed refund again; `send_refunds` sends it."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        require_own_environment(order)
        refund = _find_refund(connection, order, key, {RefundState.FAILED})
        payment = next(
            one
            for one in refund_queries.list_payment_balances(connection, order.id)
            if one.attempt_id == refund.attempt_id
        )
        # the failed refund is included in the promised amount
        if payment.refunded_or_promised > payment.received:
            raise RefundRefused(
                f"refund {refund.key}:"
                f" {payment.refunded_or_promised} of {payment.received} would be refunded in total;"
                " cancel this one"
            )
        attempt = attempt_queries.get(connection, refund.attempt_id)
        refund_queries.reopen(connection, refund, attempt, at=at)
        resolve_flag_if_none_failed(connection, order.id, at=at)
        _record(connection, order, refund, "refunds.retry", by=by)
        return refund_queries.get(connection, refund.id)


def retry_failed_refunds(
    database: Database, event: Event, *, at: datetime, by: str
) -> list[Refund]:
    """Request every failed refund of an event again, except those that exceed the payment."""
    with database.transaction() as connection:
        failed = [
            one
            for one in refund_queries.list_outstanding(connection, event.id)
            if one.refund.state is RefundState.FAILED
        ]
    retried = []
    for one in failed:
        with suppress(RefundRefused):  # exceeds the payment, or was retried meanwhile
            retried.append(retry_refund(database, one.order_code, key=one.refund.key, at=at, by=by))
    return retried


def cancel_refund(
    database: Database, code: str, *, key: str | None, reason: str, at: datetime, by: str
) -> Refund:
    """Cancel an outstanding refund; places and tickets stay as they are.

    Staff are asked again about a payment of another amount, which holds its pending order.
    """
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        refund = _find_refund(connection, order, key, _MANUAL_STATES)
        refund_queries.update_state(
            connection, refund, RefundState.CANCELLED, at=at, message=reason
        )
        resolve_flag_if_none_failed(connection, order.id, at=at)
        flag_undecided_payments(connection, order, at=at)
        _record(connection, order, refund, "refunds.cancel", by=by, reason=reason)
        return refund_queries.get(connection, refund.id)


def _find_refund(
    connection: Connection, order: Order, key: str | None, states: set[RefundState]
) -> Refund:
    """Return the refund with this key, or the only one in one of these states."""
    refunds = refund_queries.list_for_order(connection, order.id)
    candidates = [one for one in refunds if one.state in states and key in {None, one.key}]
    if key is None:
        candidates = [one for one in candidates if one.state.is_outstanding] or candidates
    if len(candidates) == 1:
        return candidates[0]
    listed = ", ".join(f"{one.key} is {one.state}" for one in refunds) or "there are none"
    raise RefundRefused(f"order {order.code}: specify the refund ({listed})")


def _record(
    connection: Connection, order: Order, refund: Refund, action: str, *, by: str, reason: str = ""
) -> None:
    audit.record(
        connection,
        order,
        actor=by,
        action=action,
        items=1,
        details={"refund": refund.key, "amount": refund.amount.amount, "reason": reason},
    )
