"""Voucher lists for operators, and the state history of single vouchers."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.vouchers import packages, routers, voucher_history, vouchers
from ticketing.routers.credentials import Credentials
from ticketing.vouchers.model import VoucherState


@dataclass(frozen=True, slots=True)
class ListedVoucher:
    """A voucher with its order, package and router; `repr` omits its credentials."""

    key: str
    order_code: str | None  # None: in a pool
    number: int | None  # in its order line
    package: str
    router: str
    credentials: Credentials = field(repr=False)
    state: VoucherState
    allocated_at: datetime
    next_attempt_at: datetime | None
    attempt_count: int
    failed_at: datetime | None
    last_error: str
    activated_at: datetime | None
    first_used_at: datetime | None
    expires_at: datetime | None
    revoked_reason: str
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class VoucherHistoryEntry:
    """A change of state; the reason is empty when nothing failed."""

    at: datetime
    state: VoucherState
    reason: str
    actor: str


def list_vouchers(
    connection: Connection, event_id: int | None, *, state: VoucherState | None, limit: int
) -> list[ListedVoucher]:
    """Return an event's vouchers, or without an event all failed ones, newest first."""
    is_listed = (
        vouchers.c.failed_at.is_not(None)
        if event_id is None
        else ticket_types.c.event_id == event_id
    )
    query = _query(is_listed).order_by(vouchers.c.id.desc()).limit(limit)
    if state is not None and event_id is not None:
        query = query.where(vouchers.c.state == state)
    return [_voucher_from_row(row) for row in connection.execute(query)]


def find_histories(
    connection: Connection, identifier: str
) -> list[tuple[ListedVoucher, tuple[VoucherHistoryEntry, ...]]]:
    """Return the vouchers with this key or login name, or of the order with this code.

    Each comes with its changes of state, oldest first.
    """
    text = identifier.strip()
    known = or_(
        vouchers.c.key == text.upper(), vouchers.c.name == text, orders.c.code == text.upper()
    )
    found = _query(known).order_by(vouchers.c.id)
    return [
        (_voucher_from_row(row), _steps(connection, row.id)) for row in connection.execute(found)
    ]


def _query(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            *vouchers.c,
            orders.c.code.label("order_code"),
            packages.c.code.label("package"),
            routers.c.name.label("router"),
        )
        .join(packages, packages.c.ticket_type_id == vouchers.c.ticket_type_id)
        .join(ticket_types, ticket_types.c.id == vouchers.c.ticket_type_id)
        .join(routers, routers.c.id == vouchers.c.router_id)
        .outerjoin(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .outerjoin(orders, orders.c.id == order_lines.c.order_id)
        .where(condition)
    )


def _steps(connection: Connection, voucher_id: int) -> tuple[VoucherHistoryEntry, ...]:
    query = (
        select(
            voucher_history.c.at,
            voucher_history.c.state,
            voucher_history.c.reason,
            voucher_history.c.actor,
        )
        .where(voucher_history.c.voucher_id == voucher_id)
        .order_by(voucher_history.c.id)
    )
    return tuple(
        VoucherHistoryEntry(at, VoucherState(state), reason, actor)
        for at, state, reason, actor in connection.execute(query)
    )


def _voucher_from_row(row: Row[*tuple[Any, ...]]) -> ListedVoucher:
    return ListedVoucher(
        row.key, row.order_code, row.number, row.package, row.router,
        Credentials(row.name, row.password), VoucherState(row.state), row.allocated_at,
        row.next_attempt_at, row.attempt_count, row.failed_at, row.last_error, row.activated_at,
        row.first_used_at, row.expires_at, row.revoked_reason, row.removed_at,
    )  # fmt: skip
