"""Queries for voucher rows: allocation to order lines, pools and places in an order.

Changes of state are in `transition_queries.py`; a trigger writes each into the voucher history.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.platform.db.tables.orders import order_lines
from ticketing.platform.db.tables.vouchers import packages, vouchers
from ticketing.routers.credentials import Credentials
from ticketing.vouchers.model import LIVE_STATES, VoucherState, validity_end
from ticketing.vouchers.package_queries import StoredPackage


@dataclass(frozen=True, slots=True)
class SoldVoucher:
    """An active voucher of an order, with its place in the order and its usage."""

    voucher_id: int
    key: str
    order_line_id: int
    number: int
    first_used_at: datetime | None
    online: timedelta
    bytes_used: int


def find_order_id(connection: Connection, key: str) -> int | None:
    """Return the id of the voucher's order; None if it is unsold or unknown."""
    query = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.key == key)
    )
    return connection.execute(query).scalar_one_or_none()


def lock_sold_voucher(connection: Connection, key: str) -> SoldVoucher | None:
    """Return the voucher, locked, if it is active and belongs to an order."""
    query = (
        select(
            vouchers.c.id,
            vouchers.c.key,
            vouchers.c.order_line_id,
            vouchers.c.number,
            vouchers.c.first_used_at,
            vouchers.c.online_time,
            vouchers.c.bytes_used,
        )
        .where(
            vouchers.c.key == key,
            vouchers.c.state == VoucherState.ACTIVE,
            vouchers.c.order_line_id.is_not(None),
        )
        .with_for_update()
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else SoldVoucher(*row)


def detach_from_order(connection: Connection, voucher_id: int) -> None:
    """Free the voucher's place in its order."""
    free = {"order_line_id": None, "number": None, "sold_at": None}
    connection.execute(update(vouchers).where(vouchers.c.id == voucher_id).values(free))


@dataclass(frozen=True, slots=True)
class AllocationLine:
    """Missing vouchers of an order line, or with id None vouchers for a pool."""

    id: int | None
    ticket_type_id: int
    numbers: Sequence[int | None]  # in the line, from 1; None in a pool


@dataclass(frozen=True, slots=True)
class NewVoucher:
    """A voucher to insert as pending; without an order line it belongs to a pool."""

    key: str
    ticket_type_id: int
    router_id: int
    credentials: Credentials
    order_line_id: int | None = None
    number: int | None = None  # in its line, from 1


@dataclass(frozen=True, slots=True)
class Voucher:
    """A voucher row."""

    id: int
    key: str
    ticket_type_id: int
    router_id: int
    order_line_id: int | None
    number: int | None
    credentials: Credentials = field(repr=False)
    state: VoucherState
    allocated_at: datetime
    sold_at: datetime | None
    attempt_count: int
    failed_at: datetime | None
    last_error: str
    activated_at: datetime | None
    first_used_at: datetime | None
    expires_at: datetime | None
    revoked_reason: str


def list_unallocated_lines(connection: Connection, order_id: int) -> list[AllocationLine]:
    """Return the order's package lines with the numbers that have no voucher yet."""
    has = (
        select(vouchers.c.order_line_id, vouchers.c.number)
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(order_lines.c.order_id == order_id)
    )
    known = {tuple(row) for row in connection.execute(has)}
    query = (
        select(order_lines.c.id, order_lines.c.ticket_type_id, order_lines.c.quantity)
        .join(packages, packages.c.ticket_type_id == order_lines.c.ticket_type_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.id)
    )
    return [
        AllocationLine(row.id, row.ticket_type_id, numbers)
        for row in connection.execute(query)
        if (numbers := [n for n in range(1, row.quantity + 1) if (row.id, n) not in known])
    ]


def insert_pending(
    connection: Connection, new_vouchers: Sequence[NewVoucher], *, at: datetime
) -> set[str]:
    """Insert pending vouchers; return the keys of those whose name was free, without case."""
    names = _names_in_use(connection, [one.credentials.name for one in new_vouchers])
    by_name = {one.credentials.name.lower(): one for one in new_vouchers}
    rows = [
        {
            "key": one.key,
            "ticket_type_id": one.ticket_type_id,
            "router_id": one.router_id,
            "order_line_id": one.order_line_id,
            "number": one.number,
            "name": one.credentials.name,
            "password": one.credentials.password,
            "allocated_at": at,
            "sold_at": at if one.order_line_id is not None else None,
            "next_attempt_at": at,
        }
        for name, one in by_name.items()
        if name not in names
    ]
    if not rows:
        return set()
    free = insert(vouchers).on_conflict_do_nothing(index_elements=["name"])
    return set(connection.execute(free.returning(vouchers.c.key), rows).scalars())


def _names_in_use(connection: Connection, names: Sequence[str]) -> set[str]:
    """Return those of the names, in lower case, that a voucher has or had."""
    lower = func.lower(vouchers.c.name)
    query = select(lower).where(lower.in_([name.lower() for name in names]))
    return set(connection.execute(query).scalars())


def list_of_order(connection: Connection, order_id: int) -> list[Voucher]:
    """Return an order's vouchers by line and number."""
    query = (
        select(*vouchers.c)
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(vouchers.c.order_line_id, vouchers.c.number)
    )
    return [voucher_from_row(row) for row in connection.execute(query)]


def list_where(connection: Connection, *conditions: ColumnElement[bool]) -> list[Voucher]:
    """Return the vouchers that match the conditions, oldest first."""
    query = select(*vouchers.c).where(*conditions).order_by(vouchers.c.id)
    return [voucher_from_row(row) for row in connection.execute(query)]


def count_on_router(connection: Connection, router_id: int) -> int:
    """Count the vouchers of a router that are not removed."""
    query = select(func.count()).where(
        vouchers.c.router_id == router_id, vouchers.c.state != VoucherState.REMOVED
    )
    return connection.execute(query).scalar_one()


def voucher_from_row(row: Row[*tuple[Any, ...]]) -> Voucher:
    """Return the voucher of a row of the table."""
    return Voucher(
        row.id, row.key, row.ticket_type_id, row.router_id, row.order_line_id, row.number,
        Credentials(row.name, row.password), VoucherState(row.state), row.allocated_at, row.sold_at,
        row.attempt_count, row.failed_at, row.last_error, row.activated_at, row.first_used_at,
        row.expires_at, row.revoked_reason,
    )  # fmt: skip


_ASSIGN_TO_LINE = (
    update(vouchers)
    .where(vouchers.c.id == bindparam("known"))
    .values(
        order_line_id=bindparam("line_id"),
        number=bindparam("place"),
        sold_at=bindparam("now"),
        expires_at=bindparam("over"),
    )
)


def is_in_pool(package: StoredPackage) -> ColumnElement[bool]:
    """Return the condition: the voucher is in the package's pool, active or not yet."""
    return (
        (vouchers.c.ticket_type_id == package.ticket_type_id)
        & vouchers.c.order_line_id.is_(None)
        & vouchers.c.state.in_(LIVE_STATES)
    )


def is_on_package_router(package: StoredPackage) -> ColumnElement[bool]:
    """Return the condition: the voucher is for the router that its package uses now."""
    return vouchers.c.router_id == package.router_id


def count_pool(connection: Connection, package: StoredPackage) -> int:
    """Return the size of the pool, including vouchers that are not yet active."""
    query = select(func.count()).where(is_in_pool(package), is_on_package_router(package))
    return connection.execute(query).scalar_one()


def assign_from_pool(
    connection: Connection, package: StoredPackage, line: AllocationLine, *, at: datetime
) -> int:
    """Assign the oldest active vouchers of the pool to a line; return their number.

    Concurrent buyers get different vouchers without waiting for each other.
    """
    free = (
        select(vouchers.c.id)
        .where(
            is_in_pool(package),
            is_on_package_router(package),
            vouchers.c.state == VoucherState.ACTIVE,
        )
        .order_by(vouchers.c.id)
        .limit(len(line.numbers))
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(free).scalars().all()
    validity_ends = validity_end(package.package, at, None)
    rows = [
        {"known": id_, "line_id": line.id, "place": number, "now": at, "over": validity_ends}
        for id_, number in zip(ids, line.numbers, strict=False)
    ]
    if rows:
        connection.execute(_ASSIGN_TO_LINE, rows)
    return len(rows)
