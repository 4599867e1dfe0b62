"""Queries for the circuit state of routers and the vouchers that wait for them."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, update

from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.vouchers import routers as table
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.routers import queries as router_queries
from ticketing.routers.queries import CLOSED_CIRCUIT, StoredRouter
from ticketing.vouchers.model import UNPLACED_STATES, VoucherState

_IS_UNPLACED = vouchers.c.state.in_(UNPLACED_STATES)
_HAS_ROUTER_WORK = vouchers.c.state.in_((*UNPLACED_STATES, VoucherState.REVOKING))


def list_due(connection: Connection, *, at: datetime) -> list[StoredRouter]:
    """Return the routers with due work whose circuit allows a request."""
    has_work = exists().where(
        vouchers.c.router_id == table.c.id, _HAS_ROUTER_WORK, vouchers.c.next_attempt_at <= at
    )
    is_closed = or_(table.c.circuit_open_until.is_(None), table.c.circuit_open_until <= at)
    found = set(connection.execute(select(table.c.id).where(is_closed, has_work)).scalars())
    return [each for each in router_queries.list_all(connection) if each.id in found]


def lock_failure_count(connection: Connection, router_id: int) -> int:
    """Return the number of consecutive failures; the router is locked."""
    query = select(table.c.failure_count).where(table.c.id == router_id).with_for_update()
    number: int = connection.execute(query).scalar_one()
    return number


def open_circuit(
    connection: Connection,
    router_id: int,
    *,
    failures: int,
    reason: str,
    open_until: datetime | None,
    at: datetime,
) -> datetime:
    """Store the failure and the end of the open time; return since when the router fails."""
    statement = (
        update(table)
        .where(table.c.id == router_id)
        .values(
            failure_count=failures,
            failing_since=func.coalesce(table.c.failing_since, at),
            circuit_open_until=open_until,
            last_error=reason,
        )
        .returning(table.c.failing_since)
    )
    since: datetime = connection.execute(statement).scalar_one()
    return since


def close_circuit(connection: Connection, router_id: int, *, at: datetime) -> None:
    """Reset the failures; its vouchers are no longer failed, except those it refused itself."""
    closed = CLOSED_CIRCUIT | {"last_response_at": at}
    connection.execute(update(table).where(table.c.id == router_id).values(closed))
    connection.execute(
        update(vouchers)
        .where(
            vouchers.c.router_id == router_id,
            _IS_UNPLACED,
            vouchers.c.next_attempt_at <= at,
            vouchers.c.failed_at.is_not(None),
        )
        .values(failed_at=None)
    )


def mark_vouchers_failed(
    connection: Connection, router_id: int, *, at: datetime
) -> tuple[int, int]:
    """Mark the router's waiting vouchers failed; count all its failed ones, and their orders."""
    waiting = (vouchers.c.router_id == router_id, _IS_UNPLACED, vouchers.c.failed_at.is_(None))
    connection.execute(update(vouchers).where(*waiting).values(failed_at=at))
    return _count_failed(connection, vouchers.c.router_id == router_id)


def count_failed_of_package(connection: Connection, ticket_type_id: int) -> tuple[int, int]:
    """Count the failed vouchers of a package, and their orders."""
    return _count_failed(connection, vouchers.c.ticket_type_id == ticket_type_id)


def _count_failed(connection: Connection, condition: ColumnElement[bool]) -> tuple[int, int]:
    query = (
        select(func.count(), func.count(order_lines.c.order_id.distinct()))
        .select_from(vouchers)
        .outerjoin(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(condition, _IS_UNPLACED, vouchers.c.failed_at.is_not(None))
    )
    return (*connection.execute(query).one(),)
