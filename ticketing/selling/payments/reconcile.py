"""Asking the gateway about many payment attempts: several at a time, for most of it is waiting.

Reconciling: the gateway is asked about every payment attempt that may still change.

Notices get lost for good: a gateway stops repeating them after some hours. What it answers is
written down as if a notice had come, so nothing that was known already is done again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ticketing.orders import queries as order_queries
from ticketing.orders.order import ReviewFlag
from ticketing.orders.payment_attempt import AttemptState, PaymentStatus
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import GatewayUnavailable, TicketingError, Unavailable
from ticketing.platform.kernel.invariant import Violation
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import flag_for_review
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import PaymentGateway

CONCURRENT_CALLS = 4
MAX_CONSECUTIVE_FAILURES = 8  # then it is away, and asking on would only take hours


@dataclass(frozen=True, slots=True)
class GatewayReply:
    """What it says of one attempt: None when it knows none. `trouble` is why there is no answer."""

    key: str
    payment_status: PaymentStatus | None
    error: str = ""


def poll_attempts(gateway: PaymentGateway, keys: Sequence[str]) -> Iterator[GatewayReply]:
    """One answer a key, in their order. Raises GatewayUnavailable when the gateway is away."""
    silent = 0
    with ThreadPoolExecutor(CONCURRENT_CALLS, thread_name_prefix="asking") as pool:
        for start in range(0, len(keys), CONCURRENT_CALLS):
            asked = keys[start : start + CONCURRENT_CALLS]
            for answer, was_silent in pool.map(lambda key: _poll_attempt(gateway, key), asked):
                silent = silent + 1 if was_silent else 0
                yield answer
            if silent >= MAX_CONSECUTIVE_FAILURES:
                raise GatewayUnavailable(f"the gateway gave {silent} times no answer; ask later")


def _poll_attempt(gateway: PaymentGateway, key: str) -> tuple[GatewayReply, bool]:
    try:
        return GatewayReply(key, gateway.get_payment_status(key)), False
    except Unavailable as error:
        return GatewayReply(key, None, str(error)), True
    except TicketingError as error:
        return GatewayReply(key, None, str(error)), False


CHUNK = 100


class ReconcileOutcome(StrEnum):
    """What came of asking about one attempt."""

    CORRECTED = "corrected"  # we did not know this yet
    AGREED = "agreed"
    UNUSED = "unused"  # neither knows of any payment
    MISMATCHED = "odd"  # a person looks


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """How the attempts ended, and which of them are odd, with what is odd about them."""

    corrected: int
    agreed: int
    unused: int
    mismatches: tuple[Violation, ...]

    @property
    def checked(self) -> int:
        """About how many the gateway was asked."""
        return self.corrected + self.agreed + self.unused + len(self.mismatches)


def reconcile(
    database: Database,
    gateway: PaymentGateway,
    *,
    at: datetime,
    by: str,
    progress: Callable[[int], None] | None = None,
) -> ReconcileResult:
    """Ask, and write down what is new; safe to repeat, to run twice at once, and to kill.

    Raises GatewayUnavailable when there is nobody to ask; what was told until then is kept.
    """
    ends: Counter[ReconcileOutcome] = Counter()
    odd: list[Violation] = []
    for keys in _iter_attempt_keys(database, at=at):
        for answer in poll_attempts(gateway, keys):
            end, wrong = _reconcile_attempt(database, answer, at=at, by=by)
            ends[end] += 1
            if wrong:
                odd.append(Violation(answer.key, wrong))
        if progress is not None:
            progress(ends.total())
    result = ReconcileResult(
        ends[ReconcileOutcome.CORRECTED],
        ends[ReconcileOutcome.AGREED],
        ends[ReconcileOutcome.UNUSED],
        tuple(odd),
    )
    _record(database, result, by=by)
    return result


def _iter_attempt_keys(database: Database, *, at: datetime) -> Iterator[list[str]]:
    last = 0
    while True:
        with database.transaction() as connection:
            page = attempt_queries.list_unsettled_keys(
                connection, at=at, after_id=last, limit=CHUNK
            )
        if not page:
            return
        yield [key for _, key in page]
        last = page[-1][0]


def _reconcile_attempt(
    database: Database, reply: GatewayReply, *, at: datetime, by: str
) -> tuple[ReconcileOutcome, str]:
    """Write one answer down; what goes wrong with it is in its order's flag and stops no other."""
    if reply.error:
        return ReconcileOutcome.MISMATCHED, reply.error
    with database.transaction() as connection:
        attempt = attempt_queries.find(connection, reply.key)
    if attempt is None:
        return ReconcileOutcome.MISMATCHED, "it has gone from our books"
    try:
        return _record_reply(database, attempt, reply, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one attempt's failure must not stop the others
        said = f"{attempt.key} cannot be reconciled: {type(error).__name__}: {error}"
        with database.transaction() as connection:
            order = order_queries.lock(connection, attempt.order_id)
            flag_for_review(connection, order, ReviewFlag.STUCK, said, at=at)
        return ReconcileOutcome.MISMATCHED, said


def _record_reply(
    database: Database, attempt: PaymentAttempt, reply: GatewayReply, *, at: datetime, by: str
) -> tuple[ReconcileOutcome, str]:
    statement = reply.payment_status
    if statement is None:
        was_never_used = attempt.state is AttemptState.CREATED or attempt.state.has_failed
        if was_never_used:
            return ReconcileOutcome.UNUSED, ""
        return (
            ReconcileOutcome.MISMATCHED,
            f"{attempt.state} to us, and the gateway knows none of that key",
        )
    with database.transaction() as connection:
        changed = record_payment(connection, attempt, statement, at=at, by=by)
    if statement.amount != attempt.amount:
        return (
            ReconcileOutcome.MISMATCHED,
            f"asked for {attempt.amount}, the gateway says {statement.amount}",
        )
    return (ReconcileOutcome.CORRECTED if changed else ReconcileOutcome.AGREED), ""


def _record(database: Database, result: ReconcileResult, *, by: str) -> None:
    if not result.checked:
        return
    with database.transaction() as connection:
        audit_log.record(
            connection,
            actor=by,
            action="payments.reconcile",
            items=result.checked,
            details={
                "corrected": result.corrected,
                "agreed": result.agreed,
                "unused": result.unused,
                "odd": len(result.mismatches),
            },
        )
