"""Store payment notifications, deduplicated, and settle them: paid orders or review flags.

A notification is a hint and proves nothing: the gateway is asked about the attempt, outside of
any transaction, and its answer counts for all notifications of the attempt that were claimed
before. Killed anywhere, a run loses nothing: claimed notifications are taken up again when their
process has ended, and committed results change nothing twice.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import BoundedSemaphore
from typing import Concatenate, ParamSpec, Protocol, Self, TypeVar

from sqlalchemy import Connection

from ticketing.orders.payment_attempt import PaymentStatus
from ticketing.platform.db import audit_log, inbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.inbox import InboundWebhook, InboxOutcome
from ticketing.platform.kernel.errors import SignatureMismatch, UnknownOrder
from ticketing.platform.kernel.work_pool import WorkPool
from ticketing.selling.payments.attempt_notifications import (
    Outcomes,
    Question,
    find_question,
    record_answer,
    record_failure,
)
from ticketing.selling.payments.midtrans.call_count import CallCount, counting_calls
from ticketing.selling.payments.midtrans.signed_fields import is_signed, parse_signed_fields

P = ParamSpec("P")
T = TypeVar("T")

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
STATUS_CONCURRENCY = 16
# fewer than questions: a transaction is short, and other work of the process needs connections too
MAX_TRANSACTIONS = 4


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


class SettlementPool:
    """Threads that ask the gateway about one payment attempt each. Context manager.

    Neither a transaction nor a connection is held while the gateway is asked, and a hanging answer
    occupies one thread only.
    """

    def __init__(
        self,
        database: Database,
        gateway: PaymentGateway,
        *,
        clock: Callable[[], datetime],
        by: str,
        concurrency: int = STATUS_CONCURRENCY,
        limit: int | None = None,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Ask at most `concurrency` questions at once; `limit` ends the work after so many."""
        self._database, self._gateway, self._clock, self._by = database, gateway, clock, by
        self._transactions = BoundedSemaphore(MAX_TRANSACTIONS)
        self._pool = WorkPool(
            concurrency, self._claim, self._settle_attempt,
            limit=limit, on_done=on_done, name="settling",
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the questions in progress."""
        self._pool.close()

    def advance(self) -> Settlement:
        """Start asking about what is due; return what was settled since the last call."""
        self._pool.fill()
        return self._collect()

    def run_until_idle(self) -> Settlement:
        """Settle until nothing is due; return what was settled."""
        self._pool.run_until_idle()
        return self._collect()

    def _claim(self, count: int) -> Sequence[Sequence[InboundWebhook]]:
        return self._database.run(inbox.claim_due_by_reference, count, at=self._clock())

    def _settle_attempt(self, notifications: Sequence[InboundWebhook]) -> Outcomes:
        """Settle one attempt; an error is written into its notifications and stops no other."""
        at = self._clock()
        with counting_calls() as calls:
            try:
                return self._ask(notifications, calls, at=at)
            except Exception as error:  # noqa: BLE001 - one attempt must not stop the others
                return self._run(record_failure, notifications, error, calls, at=at)

    def _ask(
        self, notifications: Sequence[InboundWebhook], calls: CallCount, *, at: datetime
    ) -> Outcomes:
        question = self._run(find_question, notifications, at=at)
        if not isinstance(question, Question):
            return question
        attempt = question.attempt
        statement = self._gateway.get_payment_status(attempt.key, question.transaction_ids)
        if statement is None:
            raise UnknownOrder(f"the gateway does not know {attempt.key}")
        return self._run(
            record_answer, notifications, attempt, statement, calls, at=at, by=self._by
        )

    def _run(
        self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self._transactions:
            return self._database.run(work, *args, **kwargs)

    def _collect(self) -> Settlement:
        """Return and audit what was settled; raise the first error that could not be recorded."""
        done = self._pool.take_done()
        errors = [error for error in (one.exception() for one in done) if error is not None]
        outcomes = sum((one.result() for one in done if one.exception() is None), Outcomes())
        if outcomes:
            self._database.run(
                audit_log.record,
                actor=self._by,
                action=audit_log.SETTLE_PAYMENTS_ACTION,
                items=outcomes.total(),
                details={str(outcome or "postponed"): count for outcome, count in outcomes.items()},
            )
        for error in errors:
            raise error
        return Settlement(
            applied=outcomes[InboxOutcome.APPLIED],
            unchanged=outcomes[InboxOutcome.UNCHANGED],
            quarantined=outcomes[InboxOutcome.QUARANTINED],
            postponed=outcomes[None],
        )


def settle(
    database: Database,
    gateway: PaymentGateway,
    *,
    at: datetime,
    by: str,
    limit: int = CHUNK,
    concurrency: int = STATUS_CONCURRENCY,
) -> Settlement:
    """Settle the payments with the oldest notifications, at most `limit`.

    Safe to repeat, to run concurrently, and to kill.
    """
    with SettlementPool(
        database, gateway, clock=lambda: at, by=by, limit=limit, concurrency=concurrency
    ) as pool:
        return pool.run_until_idle()
