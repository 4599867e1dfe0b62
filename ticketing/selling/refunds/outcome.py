"""What a person says of a refund that the gateway cannot make: transferred, once more, not owed.

How a refund ended, written down with what follows: the order's sum, and who has to look.

Somebody else may have been quicker, the gateway's own notice for one: then nothing is left to do.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders import review_flag_queries
from ticketing.orders.order import Order, ReviewFlag
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import RefundRefused
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.complete_order import flag_for_review

MAX_ATTEMPTS = 30  # asked every hour, more than a day: by then a card's payment is settled


def record_refund_done(connection: Connection, refund: Refund, *, at: datetime) -> RefundState:
    """The gateway sent the money back; safe to repeat."""
    order_queries.lock(connection, refund.order_id)
    now = refund_queries.get(connection, refund.id)
    if now.state is not RefundState.DONE:
        refund_queries.update_state(connection, now, RefundState.DONE, at=at)
        attempt = attempt_queries.get(connection, refund.attempt_id)
        told = refund_queries.sum_refunded_through_gateway(connection, attempt)
        attempt_queries.update_attempt(connection, replace(attempt, refunded=told), at=at)
        update_refunded_total(connection, refund, at=at)
    return RefundState.DONE


def update_refunded_total(connection: Connection, refund: Refund, *, at: datetime) -> None:
    """What follows of any refund that has come about, however."""
    returned = refund_queries.sum_refunded(connection, refund.order_id)
    order_queries.set_refunded(connection, refund.order_id, returned)
    resolve_flag_if_none_failed(connection, refund.order_id, at=at)


def record_refund_failed(
    connection: Connection, refund: Refund, reason: str, *, at: datetime
) -> RefundState:
    """The gateway will not: the money is still owed, and a person decides how it goes back."""
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
    """Nobody knows yet, or it is too early: the next run asks again. A person is told at last."""
    order = order_queries.lock(connection, refund.order_id)
    refund_queries.release(connection, refund, message=reason)
    if refund.tries >= MAX_ATTEMPTS:
        message = f"{refund.key}: asked for {MAX_ATTEMPTS} times: {reason}"
        flag_for_review(connection, order, ReviewFlag.REFUND_FAILED, message, at=at)


def resolve_flag_if_none_failed(connection: Connection, order_id: int, *, at: datetime) -> None:
    """Put the question of failed refunds to rest once there is none any more."""
    known = refund_queries.list_for_order(connection, order_id)
    if all(one.state is not RefundState.FAILED for one in known):
        review_flag_queries.resolve_flag(connection, order_id, ReviewFlag.REFUND_FAILED, at=at)


_MANUAL_STATES = {RefundState.MANUAL, RefundState.FAILED}


def mark_transferred(
    database: Database, code: str, *, key: str | None, reference: str, at: datetime, by: str
) -> Refund:
    """A person transferred the money; the same said again changes nothing."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        refund = _find_refund(connection, order, key, _MANUAL_STATES | {RefundState.DONE})
        if refund.state is RefundState.DONE:
            if refund.reference != reference:
                raise RefundRefused(f"refund {refund.key} has gone back already")
            return refund
        refund_queries.mark_transferred(connection, refund, reference=reference, at=at)
        update_refunded_total(connection, refund, at=at)
        _record(connection, order, refund, "refunds.transferred", by=by, why=reference)
        return refund_queries.get(connection, refund.id)


def retry_refund(
    database: Database, code: str, *, key: str | None, at: datetime, by: str
) -> Refund:
    """Let the gateway be asked again for a refund that it refused; `send_refunds` asks."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        refund = _find_refund(connection, order, key, {RefundState.FAILED})
        payment = next(
            one
            for one in refund_queries.list_payment_balances(connection, order.id)
            if one.attempt_id == refund.attempt_id
        )
        # the failed one is counted among what is gone: it is still owed
        if payment.refunded_or_promised > payment.received:
            raise RefundRefused(
                f"refund {refund.key}:"
                f" {payment.refunded_or_promised} of {payment.received} would go back together;"
                " drop this one"
            )
        attempt = attempt_queries.get(connection, refund.attempt_id)
        refund_queries.reopen(connection, refund, attempt, at=at)
        resolve_flag_if_none_failed(connection, order.id, at=at)
        _record(connection, order, refund, "refunds.retry", by=by)
        return refund_queries.get(connection, refund.id)


def retry_failed_refunds(
    database: Database, event: Event, *, at: datetime, by: str
) -> list[Refund]:
    """The same for every refund of the event that failed; those that would be too much stay."""
    with database.transaction() as connection:
        failed = [
            one
            for one in refund_queries.list_outstanding(connection, event.id)
            if one.refund.state is RefundState.FAILED
        ]
    again = []
    for one in failed:
        with suppress(RefundRefused):  # too much by now, or somebody was quicker
            again.append(retry_refund(database, one.order_code, key=one.refund.key, at=at, by=by))
    return again


def cancel_refund(
    database: Database, code: str, *, key: str | None, reason: str, at: datetime, by: str
) -> Refund:
    """The money is not owed after all; places and tickets stay as they are."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        refund = _find_refund(connection, order, key, _MANUAL_STATES)
        refund_queries.update_state(
            connection, refund, RefundState.CANCELLED, at=at, message=reason
        )
        resolve_flag_if_none_failed(connection, order.id, at=at)
        _record(connection, order, refund, "refunds.drop", by=by, why=reason)
        return refund_queries.get(connection, refund.id)


def _find_refund(
    connection: Connection, order: Order, key: str | None, states: set[RefundState]
) -> Refund:
    """The refund of that key, or the only one that this can be said of."""
    known = refund_queries.list_for_order(connection, order.id)
    fitting = [one for one in known if one.state in states and key in {None, one.key}]
    if key is None:
        fitting = [one for one in fitting if one.state.is_outstanding] or fitting
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{one.key} is {one.state}" for one in known) or "there are none"
    raise RefundRefused(f"order {order.code}: say which refund ({listed})")


def _record(
    connection: Connection, order: Order, refund: Refund, action: str, *, by: str, why: str = ""
) -> None:
    audit_log.record(
        connection,
        actor=by,
        action=action,
        event_id=order.event_id,
        subject=order.code,
        items=1,
        details={"refund": refund.key, "amount": refund.amount.amount, "why": why},
    )
