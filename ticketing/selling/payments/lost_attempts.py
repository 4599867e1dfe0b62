"""After a restore: find payment attempts that were made after the backup.

An order that is pending in the backup may have been paid since by an attempt that the database does
not know. Keys of attempts are numbered, so the gateway can be asked about the next ones. What it
knows is stored as an attempt, and the reconciliation then records its status. Until that is done,
no order expires.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from sqlalchemy import Connection

from ticketing.backup import restore_queries
from ticketing.orders import instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import next_unpaid_instalment
from ticketing.orders.order import attempt_key
from ticketing.orders.payment_attempt import AttemptReference
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_pages
from ticketing.selling.payments import attempt_queries, unsettled_attempt_queries
from ticketing.selling.payments.poll_gateway import poll_attempts
from ticketing.selling.payments.settle import PaymentGateway

CHUNK = 100
# an attempt whose page was never used is unknown to the gateway, and the next one may be paid
LOOKAHEAD = 3
RECOVER_ACTION = "payments.recover_attempts"


@dataclass(frozen=True, slots=True)
class LostAttempts:
    """Attempts that were found and stored, and questions that the gateway did not answer."""

    restore_id: int | None = None  # None: no restore asks for it
    found: int = 0
    unanswered: int = 0


def insert_lost_attempts(
    database: Database, gateway: PaymentGateway, *, at: datetime, by: str, concurrency: int
) -> LostAttempts:
    """Store the attempts of pending orders that only the gateway knows; safe to repeat.

    Does nothing unless a restore has still to be reconciled. Raises GatewayUnavailable.
    """
    restore = database.run(restore_queries.find_unfinished)
    if restore is None or restore.reconciled_at is not None:
        return LostAttempts()
    found = unanswered = 0
    for page in _pending_orders(database):
        keys = dict(_next_keys(page))
        highest: dict[int, int] = {}
        references = [AttemptReference(key, ()) for key in keys]
        for reply in poll_attempts(gateway, references, concurrency=concurrency):
            order_id, number = keys[reply.key]
            unanswered += bool(reply.error)
            if reply.payment_status is not None:
                highest[order_id] = max(number, highest.get(order_id, 0))
        for order_id, number in highest.items():
            found += database.run(_insert_up_to, order_id, number, at=at, by=by)
    return LostAttempts(restore.id, found, unanswered)


def mark_restore_reconciled(connection: Connection, lost: LostAttempts, *, at: datetime) -> None:
    """Record that every question was answered; otherwise the next reconciliation asks again."""
    if lost.restore_id is not None and not lost.unanswered:
        restore_queries.mark_reconciled(connection, at=at)


def _pending_orders(database: Database) -> Iterator[Sequence[tuple[int, str, int]]]:
    return iter_pages(
        database,
        lambda connection, last_id: unsettled_attempt_queries.list_pending_orders(
            connection, after_id=last_id, limit=CHUNK
        ),
        key=itemgetter(0),
    )


def _next_keys(page: Sequence[tuple[int, str, int]]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the keys that attempts after the backup would have, with order and number."""
    for order_id, code, known in page:
        for number in range(known + 1, known + 1 + LOOKAHEAD):
            yield attempt_key(code, number), (order_id, number)


def _insert_up_to(
    connection: Connection, order_id: int, number: int, *, at: datetime, by: str
) -> int:
    """Store the missing attempts up to a number; return how many there were."""
    order = order_queries.lock(connection, order_id)
    instalments = (
        instalment_queries.list_for_order(connection, order.id) if order.payment_plan_id else ()
    )
    due = next_unpaid_instalment(instalments)
    known = len(attempt_queries.list_for_order(connection, order.id))
    for missing in range(known + 1, number + 1):
        attempt_queries.insert_attempt(connection, order, missing, due, at=at)
    inserted = max(0, number - known)
    audit_log.record(
        connection, by, RECOVER_ACTION, event_id=order.event_id, subject=order.code, items=inserted
    )
    return inserted
