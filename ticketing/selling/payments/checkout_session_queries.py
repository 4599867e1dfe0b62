"""The gateway's pages on which attempts are paid: asked for by one at a time, live, and closed.

Whoever claims or keeps a page has locked its order.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, select, update

from ticketing.orders.order import OrderState
from ticketing.platform.db.tables.sales import orders, payment_attempts

LEASE = timedelta(minutes=5)  # longer than three calls to a gateway, each tried three times

_COLUMNS = (
    payment_attempts.c.id,
    payment_attempts.c.key,
    payment_attempts.c.page_token,
    payment_attempts.c.page_url,
)
_ENDED = (OrderState.CANCELLED, OrderState.EXPIRED)


@dataclass(frozen=True, slots=True)
class OpenCheckoutSession:
    """A page that was not closed; whoever has its token can pay there."""

    attempt_id: int
    attempt_key: str
    token: str = field(repr=False)
    url: str = field(repr=False)


def claim(connection: Connection, attempt_id: int, *, at: datetime) -> bool:
    """Take it on to ask the gateway for this attempt's page; False while somebody else does."""
    free = payment_attempts.c.page_claimed_until.is_(None) | (
        payment_attempts.c.page_claimed_until <= at
    )
    query = (
        update(payment_attempts)
        .where(payment_attempts.c.id == attempt_id, free)
        .values(page_claimed_until=at + LEASE)
    )
    return connection.execute(query).rowcount == 1


def store(connection: Connection, attempt_id: int, *, token: str, url: str) -> None:
    """Write the page down; the claim ends with it."""
    _write(connection, attempt_id, page_token=token, page_url=url, page_claimed_until=None)


def release(connection: Connection, attempt_id: int) -> None:
    """There is no page: let the next one ask."""
    _write(connection, attempt_id, page_claimed_until=None)


def mark_closed(connection: Connection, attempt_id: int, *, at: datetime) -> None:
    """Nobody can pay on this page any more."""
    _write(connection, attempt_id, page_closed_at=at)


def _write(connection: Connection, attempt_id: int, **values: object) -> None:
    connection.execute(
        update(payment_attempts).where(payment_attempts.c.id == attempt_id).values(**values)
    )


def list_open_for_order(connection: Connection, order_id: int) -> list[OpenCheckoutSession]:
    """The order's open pages, the first first."""
    return _fetch_sessions(
        connection, _select_open().where(payment_attempts.c.order_id == order_id)
    )


def list_open_of_ended_orders(
    connection: Connection, *, after_id: int = 0, limit: int
) -> list[OpenCheckoutSession]:
    """Pages left open by orders that are cancelled or expired, by attempt, in pages."""
    query = (
        _select_open()
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(orders.c.state.in_(_ENDED), payment_attempts.c.id > after_id)
        .limit(limit)
    )
    return _fetch_sessions(connection, query)


def _select_open() -> Select[*tuple[object, ...]]:
    return (
        select(*_COLUMNS)
        .where(payment_attempts.c.page_token != "", payment_attempts.c.page_closed_at.is_(None))
        .order_by(payment_attempts.c.id)
    )


def _fetch_sessions(
    connection: Connection, query: Select[*tuple[object, ...]]
) -> list[OpenCheckoutSession]:
    rows = connection.execute(query)
    return [OpenCheckoutSession(row.id, row.key, row.page_token, row.page_url) for row in rows]
