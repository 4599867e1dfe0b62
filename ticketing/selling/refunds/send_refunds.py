"""Send promised refunds to the gateway, each exactly once.

A refund is claimed, the gateway is asked for the payment's status, then the refund is requested
under our key: a repeated key moves no money. Killed anywhere, a run loses nothing: after the
lease the gateway is asked again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.backup import restore_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.orders.refund import Refund, RefundState
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_ids
from ticketing.platform.kernel.errors import GatewayRefused, TicketingError
from ticketing.platform.kernel.work_pool import work_side_by_side
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.attempt_references import collect_reference
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.record_calls import recording_calls
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import STATUS_CONCURRENCY
from ticketing.selling.refunds.outcome import (
    record_refund_done,
    record_refund_failed,
    record_refund_postponed,
)

CHUNK = 100
_UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class SendRefundsResult:
    """Numbers of refunds by result; waiting ones are requested again."""

    done: int
    failed: int
    waiting: int


def send_refunds(
    database: Database,
    gateway: Midtrans,
    *,
    order_id: int | None = None,
    at: datetime,
    by: str,
    progress: Callable[[int], None] | None = None,
    concurrency: int = STATUS_CONCURRENCY,
) -> SendRefundsResult:
    """Send every waiting refund; safe to repeat, to run concurrently, and to kill.

    Sends the refunds of `concurrency` payments at once, so that a hanging answer holds up no other
    payment's. Without an order nothing is sent while staff have to decide after a restore.
    """
    if order_id is None and database.run(restore_queries.is_unfinished):
        return SendRefundsResult(0, 0, 0)
    outcomes = Counter[RefundState | None]()
    attempt_ids = iter_ids(
        database,
        lambda connection, last_id: refund_queries.list_attempts_with_waiting(
            connection, order_id=order_id, after_id=last_id, limit=CHUNK
        ),
    )
    for sent in work_side_by_side(
        attempt_ids,
        lambda attempt_id: _send_of_payment(database, gateway, attempt_id, at=at, by=by),
        size=concurrency,
        name="refunding",
    ):
        outcomes += sent
        if progress is not None:
            progress(outcomes.total())
    done, failed = outcomes[RefundState.DONE], outcomes[RefundState.FAILED]
    return SendRefundsResult(done=done, failed=failed, waiting=outcomes.total() - done - failed)


def _send_of_payment(
    database: Database, gateway: Midtrans, attempt_id: int, *, at: datetime, by: str
) -> Counter[RefundState | None]:
    """Send the waiting refunds of a payment, one after another.

    The gateway's answer about one would look like a refund by somebody else to the next.
    """
    waiting = database.run(refund_queries.list_waiting_ids, attempt_id)
    return Counter(_send_one(database, gateway, one, at=at, by=by) for one in waiting)


def _send_one(
    database: Database, gateway: Midtrans, refund_id: int, *, at: datetime, by: str
) -> RefundState | None:
    """Send one refund; an error is written into its row and stops no other."""
    refund = database.run(refund_queries.claim, refund_id, at=at)
    if refund is None:
        return None
    try:
        return _send(database, gateway, refund, at=at, by=by)
    except TicketingError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - one refund's failure must not stop the others
        reason = f"{type(error).__name__}: {error}"
    database.run(record_refund_postponed, refund, reason, at=at)
    return None


def _send(
    database: Database, gateway: Midtrans, refund: Refund, *, at: datetime, by: str
) -> RefundState | None:
    attempt = database.run(attempt_queries.get, refund.attempt_id)
    known = database.run(collect_reference, attempt.key).transaction_ids
    with recording_calls(database, attempt.key):
        statement = gateway.get_payment_status(attempt.key, known)
    with database.transaction() as connection:
        to, reason = _decide_next_state(connection, refund, statement, at=at, by=by)
        if to is RefundState.FAILED:
            return record_refund_failed(connection, refund, reason, at=at)
        if to is RefundState.REQUESTED:
            record_refund_postponed(connection, refund, reason, at=at)
        elif to is RefundState.SENT:
            refund_queries.update_state(connection, refund, RefundState.SENT, at=at)
    if to is not RefundState.SENT:
        return to
    try:
        with recording_calls(database, attempt.key):
            gateway.refund(
                attempt.key,
                key=refund.key,
                amount=refund.amount,
                reason=refund.reason,
                transaction_ids=known,
            )
    except GatewayRefused as refusal:
        if refusal.details.get("status") == _UNAUTHORIZED:
            raise  # the key is wrong, which is unrelated to this refund
        return database.run(record_refund_failed, refund, str(refusal), at=at)
    return database.run(record_refund_done, refund, at=at)


def _decide_next_state(
    connection: Connection,
    refund: Refund,
    payment_status: PaymentStatus | None,
    *,
    at: datetime,
    by: str,
) -> tuple[RefundState, str]:
    """Return the next state of the refund, and the reason for waiting or failing.

    Done: it was made. Requested: it has to wait. Sent: the gateway is to be asked for it.
    """
    order_queries.lock(connection, refund.order_id)
    attempt = attempt_queries.get(connection, refund.attempt_id)
    if payment_status is None:
        return RefundState.REQUESTED, "the gateway does not know the payment"
    record_payment(connection, attempt, payment_status, at=at, by=by)
    now = refund_queries.get(connection, refund.id)
    if now.state not in {RefundState.REQUESTED, RefundState.SENT}:
        return now.state, now.gateway_message
    attempt = attempt_queries.get(connection, refund.attempt_id)
    if attempt.state is AttemptState.CAPTURED:
        return RefundState.REQUESTED, "the card payment is not settled yet"
    if attempt.state in {AttemptState.REVERSED, AttemptState.CHARGED_BACK}:
        return RefundState.FAILED, "the bank reversed the payment"
    externally_refunded = refund_queries.sum_refunded_externally(connection, attempt)
    if externally_refunded > refund.refunded_externally:
        newly_refunded = externally_refunded - refund.refunded_externally
        reason = f"{newly_refunded} was refunded at the gateway since this was decided"
        return RefundState.FAILED, reason
    return RefundState.SENT, ""
