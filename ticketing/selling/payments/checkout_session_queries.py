"""Queries for checkout sessions, the gateway's pages on which attempts are paid.

The order is locked while a session is claimed or stored.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, select, true, update

from ticketing.orders.order import ENDED_STATES
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.db.work_queue import WorkQueue

LEASE = timedelta(minutes=5)  # longer than three calls to the gateway with three tries each
_QUEUE = WorkQueue(
    table=payment_attempts,
    is_open=true(),
    lease=LEASE,
    claimed_until=payment_attempts.c.checkout_claimed_until,
    claimed_by=payment_attempts.c.checkout_claimed_by,
)
_COLUMNS = (*payment_attempts.c["id", "key", "checkout_token", "checkout_url"],)


@dataclass(frozen=True, slots=True)
class OpenCheckoutSession:
    """A session that was not closed; its token allows paying."""

    attempt_id: int
    attempt_key: str
    token: str = field(repr=False)
    url: str = field(repr=False)


def claim(connection: Connection, attempt_id: int, *, at: datetime) -> bool:
    """Claim the creation of an attempt's session; return False while another process holds it."""
    claimed = _QUEUE.claim_row(connection, attempt_id, payment_attempts.c.id, at=at)
    return claimed is not None


def store(connection: Connection, attempt_id: int, *, token: str, url: str) -> None:
    """Store the session and end the claim."""
    _QUEUE.end_claim(connection, attempt_id, {"checkout_token": token, "checkout_url": url})


def release(connection: Connection, attempt_id: int) -> None:
    """End the claim without a session, so that another process can create one."""
    _QUEUE.end_claim(connection, attempt_id)


def mark_closed(connection: Connection, attempt_id: int, *, at: datetime) -> None:
    """Mark the session as closed: it cannot be paid on any more."""
    is_attempt = payment_attempts.c.id == attempt_id
    connection.execute(update(payment_attempts).where(is_attempt).values(checkout_closed_at=at))


def list_open_for_order(connection: Connection, order_id: int) -> list[OpenCheckoutSession]:
    """Return the open sessions of an order, first to last."""
    return _fetch_sessions(
        connection, _select_open().where(payment_attempts.c.order_id == order_id)
    )


def list_open_of_ended_orders(
    connection: Connection, *, after_id: int = 0, limit: int
) -> list[OpenCheckoutSession]:
    """Return open sessions of cancelled and expired orders, one page, ordered by attempt id."""
    query = (
        _select_open()
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(
            orders.c.state.in_(ENDED_STATES),
            payment_attempts.c.id > after_id,
            is_of_this_environment(),
        )
        .limit(limit)
    )
    return _fetch_sessions(connection, query)


def _select_open() -> Select[*tuple[object, ...]]:
    return (
        select(*_COLUMNS)
        .where(
            payment_attempts.c.checkout_token != "", payment_attempts.c.checkout_closed_at.is_(None)
        )
        .order_by(payment_attempts.c.id)
    )


def _fetch_sessions(
    connection: Connection, query: Select[*tuple[object, ...]]
) -> list[OpenCheckoutSession]:
    rows = connection.execute(query)
    return [
        OpenCheckoutSession(row.id, row.key, row.checkout_token, row.checkout_url) for row in rows
    ]
