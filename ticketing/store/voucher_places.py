"""A voucher's place in its order, which another voucher can take."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from ticketing.domain.vouchers import VoucherState
from ticketing.store.schema_sales import order_lines
from ticketing.store.schema_vouchers import vouchers


@dataclass(frozen=True, slots=True)
class Sold:
    """A voucher that is on its router, its place, and what of it was used."""

    voucher_id: int
    key: str
    order_line_id: int
    number: int
    first_used_at: datetime | None
    online: timedelta
    bytes_used: int


def order_of(connection: Connection, key: str) -> int | None:
    """The number of the order that a voucher is of; None when it is nobody's, or is not known."""
    query = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.key == key)
    )
    return connection.execute(query).scalar_one_or_none()


def sold(connection: Connection, key: str) -> Sold | None:
    """The voucher, locked, if it is on its router and somebody's."""
    query = (
        select(
            vouchers.c.id,
            vouchers.c.key,
            vouchers.c.order_line_id,
            vouchers.c.number,
            vouchers.c.first_used_at,
            vouchers.c.online,
            vouchers.c.bytes_used,
        )
        .where(
            vouchers.c.key == key,
            vouchers.c.state == VoucherState.PRESENT,
            vouchers.c.order_line_id.is_not(None),
        )
        .with_for_update()
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Sold(*row)


def leave(connection: Connection, voucher_id: int) -> None:
    """The voucher is nobody's from now on; its place in the order is free."""
    free = {"order_line_id": None, "number": None, "sold_at": None}
    connection.execute(update(vouchers).where(vouchers.c.id == voucher_id).values(free))
