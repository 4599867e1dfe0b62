"""Keeping what the gateway tells us, at once and once. What it means is found out by settling.

Settling: what gateways told us becomes paid orders, or a question that somebody sees.

A notice is a hint and proves nothing: the gateway is asked about the attempt, outside of any
transaction, and its answer is what counts. Killed anywhere, a run loses nothing: what it had
claimed is taken up again after the lease, and whatever was committed changes nothing twice.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
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
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.midtrans.notification import has_valid_signature, parse_notification
from ticketing.selling.payments.record_payment import record_payment

MIDTRANS_SOURCE = "midtrans"


def store_notification(database: Database, body: bytes, *, server_key: str, at: datetime) -> bool:
    """Keep a notice as it came; False when the same is known.

    Refuses what is no notice, and what whoever knows the server key did not sign.
    """
    notice = parse_notification(body)
    if not has_valid_signature(notice, server_key):
        raise SignatureMismatch("the signature is not the gateway's")
    with database.transaction() as connection:
        return inbox.store_webhook(
            connection,
            source=MIDTRANS_SOURCE,
            unique_key=_unique_key(body),
            subject=notice.order_id,
            body=body,
            at=at,
        )


def _unique_key(body: bytes) -> str:
    """All that it says, since the signature leaves the status open.

    Were it a part, a false notice could be sent first and hide the true one that comes after it.
    """
    said = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


CHUNK = 100


MAX_ATTEMPTS = 8  # four hours, by which a gateway knows its own transactions


class PaymentGateway(Protocol):
    """A payment gateway, as far as settling needs one."""

    def get_payment_status(self, attempt_key: str) -> PaymentStatus | None:
        """What it says now of an attempt; None when it knows none of that key.

        Raises Unavailable when there is no answer to be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class Settlement:
    """How the notices of one run ended. Postponed ones are tried again later."""

    applied: int
    unchanged: int
    quarantined: int
    postponed: int


def settle(
    database: Database, gateway: PaymentGateway, *, at: datetime, by: str, limit: int = CHUNK
) -> Settlement:
    """Handle the oldest waiting notices; safe to repeat, to run twice at once, and to kill."""
    with database.transaction() as connection:
        notices = inbox.claim_due(connection, limit, at=at)
    ends = Counter(
        _settle_notification(database, gateway, notice, at=at, by=by) for notice in notices
    )
    result = Settlement(
        applied=ends[InboxOutcome.APPLIED],
        unchanged=ends[InboxOutcome.UNCHANGED],
        quarantined=ends[InboxOutcome.QUARANTINED],
        postponed=ends[None],
    )
    if notices:
        with database.transaction() as connection:
            audit_log.record(
                connection,
                actor=by,
                action="payments.settle",
                items=len(notices),
                details={str(end or "postponed"): count for end, count in ends.items()},
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
    """Handle one notice; whatever goes wrong with it is in its row and stops no other."""
    try:
        return _handle(database, gateway, notification, at=at, by=by)
    except Unavailable as error:
        reason, tries_left = str(error), True
    except TicketingError as error:
        reason, tries_left = str(error), notification.tries < MAX_ATTEMPTS
    except Exception as error:  # noqa: BLE001 - one notice's failure must not stop the others
        reason, tries_left = f"{type(error).__name__}: {error}", notification.tries < MAX_ATTEMPTS
    with database.transaction() as connection:
        if tries_left:
            inbox.postpone(connection, notification, reason=reason, at=at)
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
        attempt = attempt_queries.find(connection, notification.subject)
        if attempt is None:
            reason = f"no payment attempt is called {notification.subject!r}"
            inbox.mark_handled(
                connection, notification, InboxOutcome.QUARANTINED, reason=reason, at=at
            )
            return InboxOutcome.QUARANTINED
    statement = gateway.get_payment_status(attempt.key)
    if statement is None:
        raise UnknownOrder(f"the gateway knows no {attempt.key}")
    with database.transaction() as connection:
        changed = record_payment(connection, attempt, statement, at=at, by=by)
        outcome = InboxOutcome.APPLIED if changed else InboxOutcome.UNCHANGED
        inbox.mark_handled(connection, notification, outcome, at=at)
    return outcome
