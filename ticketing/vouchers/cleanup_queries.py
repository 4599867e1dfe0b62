"""Queries for revoking, requeuing and cleaning up vouchers.

Rows locked by another transaction are skipped and left for the next run.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from ticketing.orders.order import ENDED_STATES
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.vouchers import packages, routers, vouchers
from ticketing.vouchers import transition_queries
from ticketing.vouchers.model import UNPLACED_STATES, ValidityStart, VoucherState

EXPIRED = "expired"

_ENDED_STATES = (VoucherState.REVOKING, VoucherState.REMOVED)


def revoke_matching(
    connection: Connection,
    *conditions: ColumnElement[bool],
    reason: str,
    at: datetime,
    limit: int | None = None,
) -> int:
    """Revoke the oldest matching vouchers, `limit` at most; return their number."""
    query = (
        select(vouchers.c.id)
        .where(vouchers.c.state.not_in(_ENDED_STATES), *conditions)
        .order_by(vouchers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(query).scalars().all()
    return transition_queries.revoke(connection, ids, reason=reason, at=at) if ids else 0


def is_of_order(order_id: int) -> ColumnElement[bool]:
    """Return the condition: the voucher belongs to the order."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id == order_id)
    return vouchers.c.order_line_id.in_(lines)


def is_of_ended_order(event_id: int | None = None) -> ColumnElement[bool]:
    """Return the condition: the voucher's order, of the event or any, ended unpaid or reversed."""
    lines = (
        select(order_lines.c.id)
        .join(orders, orders.c.id == order_lines.c.order_id)
        .where(orders.c.state.in_(ENDED_STATES))
    )
    if event_id is not None:
        lines = lines.where(orders.c.event_id == event_id)
    return vouchers.c.order_line_id.in_(lines)


def is_expired(event_id: int | None = None, *, at: datetime) -> ColumnElement[bool]:
    """Return the condition: the voucher, of the event or any, is active and its validity is over.

    A voucher without a recorded first use may have been used since its router was last polled, so
    it counts only if its router was polled after its end or its validity runs from the sale.
    """
    from_sale = exists().where(
        packages.c.ticket_type_id == vouchers.c.ticket_type_id,
        packages.c.validity_start == ValidityStart.FROM_SALE,
    )
    polled_since = exists().where(
        routers.c.id == vouchers.c.router_id, routers.c.reconciled_at >= vouchers.c.expires_at
    )
    condition = and_(
        vouchers.c.state == VoucherState.ACTIVE,
        vouchers.c.expires_at <= at,
        or_(vouchers.c.first_used_at.is_not(None), from_sale, polled_since),
    )
    sold = select(ticket_types.c.id).where(ticket_types.c.event_id == event_id)
    return condition if event_id is None else condition & vouchers.c.ticket_type_id.in_(sold)


def requeue_order(connection: Connection, order_id: int, *, at: datetime) -> int:
    """Make the order's postponed and failed vouchers due now; return their number."""
    is_waiting = or_(
        vouchers.c.attempt_count > 0,
        vouchers.c.next_attempt_at > at,
        vouchers.c.failed_at.is_not(None),
    )
    due = (
        update(vouchers)
        .where(is_of_order(order_id), vouchers.c.state.in_(UNPLACED_STATES), is_waiting)
        .values(next_attempt_at=at, attempt_count=0, failed_at=None)
    )
    return connection.execute(due).rowcount


def list_failed_order_ids(connection: Connection) -> list[int]:
    """Return the ids of orders with a failed voucher, in ascending order."""
    query = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.state.in_(UNPLACED_STATES), vouchers.c.failed_at.is_not(None))
        .distinct()
        .order_by(order_lines.c.order_id)
    )
    return list(connection.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class CleanupCounts:
    """Vouchers to revoke: their number, their orders, the used ones and the newest voucher's id."""

    vouchers: int
    orders: int
    used: int
    newest: int


def count_vouchers(connection: Connection, condition: ColumnElement[bool]) -> CleanupCounts:
    """Count the vouchers that match the condition and are not yet revoked."""
    query = (
        select(
            func.count(),
            func.count(order_lines.c.order_id.distinct()),
            func.count(vouchers.c.first_used_at),
            func.coalesce(func.max(vouchers.c.id), 0),
        )
        .select_from(vouchers)
        .outerjoin(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(condition, vouchers.c.state.not_in(_ENDED_STATES))
    )
    return CleanupCounts(*connection.execute(query).one())
