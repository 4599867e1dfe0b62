"""Vouchers as rows: owed to an order, or made ahead. What becomes of them is in voucher_moves.py.

Every change of `state` is written into `voucher_history` by a trigger.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select
from sqlalchemy.dialects.postgresql import insert

from ticketing.domain.voucher_codes import Credentials
from ticketing.domain.vouchers import VoucherState
from ticketing.store.schema_sales import order_lines
from ticketing.store.schema_vouchers import packages, vouchers


@dataclass(frozen=True, slots=True)
class OwedLine:
    """The vouchers of an order's line that are still to be made; without `id`, made ahead."""

    id: int | None
    ticket_type_id: int
    numbers: Sequence[int | None]  # in the line, from 1; made ahead they have none


@dataclass(frozen=True, slots=True)
class NewVoucher:
    """A voucher that is owed from now on. Without a line it is made ahead, for whoever buys."""

    key: str
    ticket_type_id: int
    router_id: int
    credentials: Credentials
    order_line_id: int | None = None
    number: int | None = None  # in its line, from 1


@dataclass(frozen=True, slots=True)
class Voucher:
    """One voucher as it stands."""

    id: int
    key: str
    ticket_type_id: int
    router_id: int
    order_line_id: int | None
    number: int | None
    credentials: Credentials = field(repr=False)
    state: VoucherState
    owed_at: datetime
    sold_at: datetime | None
    tries: int
    gave_up_at: datetime | None
    last_error: str
    present_at: datetime | None
    first_used_at: datetime | None
    ends_at: datetime | None
    ending_why: str


COLUMNS = (
    vouchers.c.id,
    vouchers.c.key,
    vouchers.c.ticket_type_id,
    vouchers.c.router_id,
    vouchers.c.order_line_id,
    vouchers.c.number,
    vouchers.c.name,
    vouchers.c.password,
    vouchers.c.state,
    vouchers.c.owed_at,
    vouchers.c.sold_at,
    vouchers.c.tries,
    vouchers.c.gave_up_at,
    vouchers.c.last_error,
    vouchers.c.present_at,
    vouchers.c.first_used_at,
    vouchers.c.ends_at,
    vouchers.c.ending_why,
)


def lines_owed(connection: Connection, order_id: int) -> list[OwedLine]:
    """The order's lines that are packages, and the numbers in each that have no voucher yet."""
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
        OwedLine(row.id, row.ticket_type_id, numbers)
        for row in connection.execute(query)
        if (numbers := [n for n in range(1, row.quantity + 1) if (row.id, n) not in known])
    ]


def owe(connection: Connection, wanted: Sequence[NewVoucher], *, at: datetime) -> set[str]:
    """Want vouchers on their routers from now on; gives the keys of those whose name was free."""
    rows = [
        {
            "key": one.key,
            "ticket_type_id": one.ticket_type_id,
            "router_id": one.router_id,
            "order_line_id": one.order_line_id,
            "number": one.number,
            "name": one.credentials.name,
            "password": one.credentials.password,
            "owed_at": at,
            "sold_at": at if one.order_line_id is not None else None,
            "next_try": at,
        }
        for one in wanted
    ]
    free = insert(vouchers).on_conflict_do_nothing(index_elements=["name"])
    return set(connection.execute(free.returning(vouchers.c.key), rows).scalars())


def of_order(connection: Connection, order_id: int) -> list[Voucher]:
    """The vouchers of an order, line by line."""
    query = (
        select(*COLUMNS)
        .join(order_lines, order_lines.c.id == vouchers.c.order_line_id)
        .where(order_lines.c.order_id == order_id)
        .order_by(vouchers.c.order_line_id, vouchers.c.number)
    )
    return [voucher_of(row) for row in connection.execute(query)]


def found(connection: Connection, *conditions: ColumnElement[bool]) -> list[Voucher]:
    """Vouchers of which something is so, the oldest first."""
    query = select(*COLUMNS).where(*conditions).order_by(vouchers.c.id)
    return [voucher_of(row) for row in connection.execute(query)]


def count_on_router(connection: Connection, router_id: int) -> int:
    """How many are on a router, on their way to it or off it."""
    query = select(func.count()).where(
        vouchers.c.router_id == router_id, vouchers.c.state != VoucherState.GONE
    )
    return connection.execute(query).scalar_one()


def voucher_of(row: Row[*tuple[Any, ...]]) -> Voucher:
    """A voucher out of a row of `COLUMNS`."""
    return Voucher(
        row.id, row.key, row.ticket_type_id, row.router_id, row.order_line_id, row.number,
        Credentials(row.name, row.password), VoucherState(row.state), row.owed_at, row.sold_at,
        row.tries, row.gave_up_at, row.last_error, row.present_at, row.first_used_at, row.ends_at,
        row.ending_why,
    )  # fmt: skip
