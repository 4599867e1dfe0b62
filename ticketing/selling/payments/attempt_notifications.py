"""Notifications of one payment attempt, claimed together: one answer of the gateway settles all.

Nothing here calls the gateway; `settle.py` does that between the two transactions.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.orders.payment_attempt import PaymentStatus
from ticketing.platform.db import inbox
from ticketing.platform.db.inbox import InboundWebhook, InboxOutcome
from ticketing.platform.kernel.errors import TicketingError, Unavailable
from ticketing.platform.kernel.retry_policy import RetryPolicy
from ticketing.selling.payments import attempt_queries, gateway_call_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.attempt_references import collect_reference
from ticketing.selling.payments.midtrans.call_count import GatewayCall
from ticketing.selling.payments.midtrans.signed_fields import is_dashboard_test
from ticketing.selling.payments.record_payment import record_payment

Outcomes = Counter[InboxOutcome | None]  # None: postponed
_HOUR = timedelta(hours=1)
# exhausted after three hours, by which a gateway knows its own transactions; while the gateway is
# unavailable, the next attempts follow every hour
NOTIFICATION_RETRIES = replace(
    RetryPolicy.exponential(timedelta(minutes=2), max_attempts=8, max_delay=_HOUR, then=_HOUR),
    max_retry_after=_HOUR,
)


@dataclass(frozen=True, slots=True)
class Question:
    """The attempt to ask the gateway about, and the transaction ids known for it."""

    attempt: PaymentAttempt
    transaction_ids: tuple[str, ...]


def find_question(
    connection: Connection, notifications: Sequence[InboundWebhook], *, at: datetime
) -> Question | Outcomes:
    """Return what to ask; without an attempt handle the notifications and return the outcomes."""
    named = notifications[0].external_reference
    attempt = attempt_queries.find(connection, named)
    if attempt is not None:
        reference = collect_reference(connection, attempt.key)
        return Question(attempt, reference.transaction_ids)
    outcome, reason = InboxOutcome.QUARANTINED, f"no payment attempt has the key {named!r}"
    if is_dashboard_test(named):
        outcome = InboxOutcome.UNCHANGED
        reason = "a test notification of the gateway's dashboard"
    for notification in notifications:
        inbox.mark_handled(connection, notification, outcome, reason=reason, at=at)
    return Outcomes({outcome: len(notifications)})


def record_answer(
    connection: Connection,
    notifications: Sequence[InboundWebhook],
    attempt: PaymentAttempt,
    statement: PaymentStatus,
    calls: Mapping[GatewayCall, int],
    *,
    at: datetime,
    by: str,
) -> Outcomes:
    """Record the answer; the last notification counts as applied if anything changed."""
    changed = record_payment(connection, attempt, statement, at=at, by=by)
    gateway_call_queries.add(connection, attempt.key, calls)
    *earlier, last = notifications
    outcome = InboxOutcome.APPLIED if changed else InboxOutcome.UNCHANGED
    for notification in earlier:
        inbox.mark_handled(connection, notification, InboxOutcome.UNCHANGED, at=at)
    inbox.mark_handled(connection, last, outcome, at=at)
    return Outcomes([outcome, *[InboxOutcome.UNCHANGED for _ in earlier]])


def record_failure(
    connection: Connection,
    notifications: Sequence[InboundWebhook],
    error: Exception,
    calls: Mapping[GatewayCall, int],
    *,
    at: datetime,
) -> Outcomes:
    """Write an error into the notifications: postponed, or quarantined after too many attempts.

    An unavailable gateway says nothing about a notification, which is then never quarantined.
    """
    gateway_call_queries.add(connection, notifications[0].external_reference, calls)
    is_own = isinstance(error, TicketingError)
    reason = str(error) if is_own else f"{type(error).__name__}: {error}"
    outcomes = Outcomes()
    for notification in notifications:
        is_exhausted = NOTIFICATION_RETRIES.is_exhausted(notification.attempt_count)
        if is_exhausted and not isinstance(error, Unavailable):
            outcome = InboxOutcome.QUARANTINED
            inbox.mark_handled(connection, notification, outcome, reason=reason, at=at)
            outcomes[outcome] += 1
        else:
            inbox.postpone(
                connection, notification, NOTIFICATION_RETRIES, reason=reason, at=at,
                retry_after=_retry_after(error),
            )  # fmt: skip
            outcomes[None] += 1
    return outcomes


def _retry_after(error: Exception) -> timedelta | None:
    """Return the pause that the gateway asked for."""
    details = error.details if isinstance(error, TicketingError) else {}
    seconds = details.get("retry_after_seconds")
    return timedelta(seconds=seconds) if isinstance(seconds, int) else None
