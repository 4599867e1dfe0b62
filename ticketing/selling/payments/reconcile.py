"""Reconcile with the gateway: ask about every payment attempt that may still change.

Notifications can be lost: the gateway stops repeating them after some hours. Its answers are
recorded as if a notification had arrived, so known facts have no effect again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter

from sqlalchemy import Connection

from ticketing.orders.payment_attempt import PaymentStatus
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_pages
from ticketing.platform.kernel.invariant import Violation
from ticketing.selling.payments import (
    attempt_queries,
    gateway_call_queries,
    unsettled_attempt_queries,
)
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.attempt_references import collect_references
from ticketing.selling.payments.complete_order import flag_stuck
from ticketing.selling.payments.lost_attempts import insert_lost_attempts, mark_restore_reconciled
from ticketing.selling.payments.poll_gateway import GatewayReply, poll_attempts
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import STATUS_CONCURRENCY, PaymentGateway
from ticketing.selling.payments.unsettled_money import list_unsettled_money

CHUNK = 100


class ReconcileOutcome(StrEnum):
    """The result of asking about one attempt."""

    CORRECTED = "corrected"  # the answer was new to us
    AGREED = "agreed"
    UNUSED = "unused"  # neither side knows of a payment
    MISMATCHED = "odd"  # staff have to look


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """Numbers of attempts by outcome, and a description of each mismatch."""

    corrected: int
    agreed: int
    unused: int
    mismatches: tuple[Violation, ...]

    @property
    def checked(self) -> int:
        """Return the number of attempts asked about."""
        return self.corrected + self.agreed + self.unused + len(self.mismatches)


def reconcile(
    database: Database,
    gateway: PaymentGateway,
    *,
    at: datetime,
    by: str,
    progress: Callable[[int], None] | None = None,
    concurrency: int = STATUS_CONCURRENCY,
) -> ReconcileResult:
    """Ask about all open attempts and record the answers; safe to repeat and to kill.

    After a restore it first finds the attempts that were made after the backup. Raises
    GatewayUnavailable when the gateway is down; answers received before are kept.
    """
    lost = insert_lost_attempts(database, gateway, at=at, by=by, concurrency=concurrency)
    outcomes: Counter[ReconcileOutcome] = Counter()
    odd: list[Violation] = []
    pages = iter_pages(
        database,
        lambda connection, last_id: unsettled_attempt_queries.list_unsettled_keys(
            connection, at=at, after_id=last_id, limit=CHUNK
        ),
        key=itemgetter(0),
    )
    for page in pages:
        references = database.run(collect_references, [key for _, key in page])
        problems = dict[str, str]()
        for answer in poll_attempts(gateway, references, concurrency=concurrency):
            outcome, problems[answer.key] = _reconcile_attempt(database, answer, at=at, by=by)
            outcomes[outcome] += 1
        odd += [Violation(key, problems[key]) for _, key in page if problems[key]]
        if progress is not None:
            progress(outcomes.total())
    database.run(mark_restore_reconciled, lost, at=at)
    result = ReconcileResult(
        outcomes[ReconcileOutcome.CORRECTED],
        outcomes[ReconcileOutcome.AGREED],
        outcomes[ReconcileOutcome.UNUSED],
        tuple(odd),
    )
    if result.checked:
        database.run(
            audit_log.record,
            actor=by,
            action=audit_log.RECONCILE_PAYMENTS_ACTION,
            items=result.checked,
            details={
                "corrected": result.corrected,
                "agreed": result.agreed,
                "unused": result.unused,
                "odd": len(result.mismatches),
            },
        )
    return result


def _reconcile_attempt(
    database: Database, reply: GatewayReply, *, at: datetime, by: str
) -> tuple[ReconcileOutcome, str]:
    """Record one answer; an error is written into the order's flag and stops no other."""
    database.run(gateway_call_queries.add, reply.key, reply.calls)
    if reply.error:
        return ReconcileOutcome.MISMATCHED, reply.error
    attempt = database.run(attempt_queries.find, reply.key)
    if attempt is None:
        return ReconcileOutcome.MISMATCHED, "the payment attempt is missing in the database"
    try:
        return _record_reply(database, attempt, reply, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one attempt's failure must not stop the others
        problem = f"{attempt.key} cannot be reconciled"
        message = flag_stuck(database, attempt.order_id, error, problem=problem, at=at)
        return ReconcileOutcome.MISMATCHED, message


def _record_reply(
    database: Database, attempt: PaymentAttempt, reply: GatewayReply, *, at: datetime, by: str
) -> tuple[ReconcileOutcome, str]:
    statement = reply.payment_status
    changed = statement is not None and database.run(
        record_payment, attempt, statement, at=at, by=by
    )
    problem = database.run(_describe_mismatch, attempt, statement)
    if problem:
        return ReconcileOutcome.MISMATCHED, problem
    if statement is None:
        return ReconcileOutcome.UNUSED, ""
    return (ReconcileOutcome.CORRECTED if changed else ReconcileOutcome.AGREED), ""


def _describe_mismatch(
    connection: Connection, attempt: PaymentAttempt, statement: PaymentStatus | None
) -> str:
    """Return what staff have to look at after an answer, empty if nothing."""
    if statement is None or not statement.state.has_taken_money:
        answered = (statement.transaction_id,) if statement else ()
        for unsettled in list_unsettled_money(connection, [attempt], answered):
            return unsettled.problem
    if statement is None:
        is_known = not attempt.state.is_unused
        return f"{attempt.state} in the database, unknown to the gateway" if is_known else ""
    if statement.amount != attempt.amount:
        return f"amount {attempt.amount} requested, {statement.amount} reported by the gateway"
    transaction_id = statement.transaction_id
    other = attempt_queries.find_other_key(connection, attempt.id, transaction_id)
    return f"transaction {transaction_id} belongs to {other}" if other else ""
