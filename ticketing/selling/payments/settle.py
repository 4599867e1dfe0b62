"""Store payment notifications, deduplicated, and settle them: paid orders or review flags.

A notification is a hint and proves nothing: the gateway is asked about the attempt, outside of
any transaction, and its answer counts. Killed anywhere, a run loses nothing: claimed notifications
are taken up again after the lease, and committed results change nothing twice.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ticketing.orders.payment_attempt import PaymentStatus
from ticketing.platform.db import audit_log, inbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.inbox import InboundWebhook, InboxOutcome
from ticketing.platform.kernel.errors import (
    SignatureMismatch,
    TicketingError,
    Unavailable,
    UnknownOrder,
)
from ticketing.platform.kernel.retry_policy import RetryPolicy
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_references import collect_reference
from ticketing.selling.payments.midtrans.signed_fields import (
    is_dashboard_test,
    is_signed,
    parse_signed_fields,
)
from ticketing.selling.payments.record_payment import record_payment

MIDTRANS_SOURCE = "midtrans"


def store_notification(database: Database, body: bytes, *, server_key: str, at: datetime) -> bool:
    """Store a notification unchanged; return False for a duplicate.

    Refuses only what is not signed by the server key: other fields may be missing or unreadable.
    """
    fields = parse_signed_fields(body)
    if not is_signed(fields, server_key):
        raise SignatureMismatch("the signature does not match the server key")
    return database.run(
        inbox.store_webhook,
        provider=MIDTRANS_SOURCE,
        unique_key=_unique_key(body),
        external_reference=fields.attempt_key,
        body=body,
        at=at,
    )


def _unique_key(body: bytes) -> str:
    """Return a digest of the whole body, since the signature does not cover the status.

    With a key of signed fields only, a false notification could block the true one after it.
    """
    canonical = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


CHUNK = 100
_HOUR = timedelta(hours=1)
# exhausted after three hours, by which a gateway knows its own transactions; while the gateway is
# unavailable, the next attempts follow every hour
NOTIFICATION_RETRIES = RetryPolicy.exponential(
    timedelta(minutes=2), max_attempts=8, max_delay=_HOUR, then=_HOUR
)


class PaymentGateway(Protocol):
    """The part of the payment gateway that reports the status of attempts."""

    def get_payment_status(
        self, attempt_key: str, transaction_ids: Collection[str] = ()
    ) -> PaymentStatus | None:
        """Return the current status of an attempt, or None if the gateway knows none of its ids.

        An answer counts under the key or one of the transaction ids. Raises Unavailable when the
        gateway does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settlement:
    """Numbers of notifications by result. Postponed ones are tried again later."""

    applied: int
    unchanged: int
    quarantined: int
    postponed: int


def settle(
    database: Database, gateway: PaymentGateway, *, at: datetime, by: str, limit: int = CHUNK
) -> Settlement:
    """Settle the oldest waiting notifications; safe to repeat, to run concurrently, and to kill."""
    notifications = database.run(inbox.claim_due, limit, at=at)
    outcomes = Counter(
        _settle_notification(database, gateway, notification, at=at, by=by)
        for notification in notifications
    )
    result = Settlement(
        applied=outcomes[InboxOutcome.APPLIED],
        unchanged=outcomes[InboxOutcome.UNCHANGED],
        quarantined=outcomes[InboxOutcome.QUARANTINED],
        postponed=outcomes[None],
    )
    if notifications:
        database.run(
            audit_log.record,
            actor=by,
            action="payments.settle",
            items=len(notifications),
            details={str(outcome or "postponed"): count for outcome, count in outcomes.items()},
        )
    return result


def _settle_notification(
    database: Database,
    gateway: PaymentGateway,
    notification: InboundWebhook,
    *,
    at: datetime,
    by: str,
) -> InboxOutcome | None:
    """Settle one notification; an error is written into its row and stops no other."""
    try:
        return _handle(database, gateway, notification, at=at, by=by)
    except Unavailable as error:
        reason, is_exhausted = str(error), False
    except Exception as error:  # noqa: BLE001 - one notification's failure must not stop the others
        own = isinstance(error, TicketingError)
        reason = str(error) if own else f"{type(error).__name__}: {error}"
        is_exhausted = NOTIFICATION_RETRIES.is_exhausted(notification.attempt_count)
    with database.transaction() as connection:
        if not is_exhausted:
            inbox.postpone(connection, notification, NOTIFICATION_RETRIES, reason=reason, at=at)
            return None
        inbox.mark_handled(connection, notification, InboxOutcome.QUARANTINED, reason=reason, at=at)
        return InboxOutcome.QUARANTINED


def _handle(
    database: Database,
    gateway: PaymentGateway,
    notification: InboundWebhook,
    *,
    at: datetime,
    by: str,
) -> InboxOutcome:
    with database.transaction() as connection:
        named = notification.external_reference
        attempt = attempt_queries.find(connection, named)
        if attempt is None and is_dashboard_test(named):
            reason = "a test notification of the gateway's dashboard"
            inbox.mark_handled(
                connection, notification, InboxOutcome.UNCHANGED, reason=reason, at=at
            )
            return InboxOutcome.UNCHANGED
        if attempt is None:
            reason = f"no payment attempt has the key {named!r}"
            inbox.mark_handled(
                connection, notification, InboxOutcome.QUARANTINED, reason=reason, at=at
            )
            return InboxOutcome.QUARANTINED
        reference = collect_reference(connection, attempt.key)
    statement = gateway.get_payment_status(attempt.key, reference.transaction_ids)
    if statement is None:
        raise UnknownOrder(f"the gateway does not know {attempt.key}")
    with database.transaction() as connection:
        changed = record_payment(connection, attempt, statement, at=at, by=by)
        outcome = InboxOutcome.APPLIED if changed else InboxOutcome.UNCHANGED
        inbox.mark_handled(connection, notification, outcome, at=at)
    return outcome
