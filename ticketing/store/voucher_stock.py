"""Vouchers made ahead, which are nobody's until somebody buys them."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from ticketing.domain.vouchers import VoucherState, ends_at
from ticketing.store.packages import StoredPackage
from ticketing.store.schema_vouchers import vouchers
from ticketing.store.vouchers import OwedLine

_LIVE = (VoucherState.OWED, VoucherState.ASKED, VoucherState.PRESENT)
_SELL = (
    update(vouchers)
    .where(vouchers.c.id == bindparam("known"))
    .values(
        order_line_id=bindparam("line_id"),
        number=bindparam("place"),
        sold_at=bindparam("now"),
        ends_at=bindparam("over"),
    )
)


def unsold(package: StoredPackage) -> ColumnElement[bool]:
    """Whether a voucher is in a package's stock, there or on its way."""
    return (
        (vouchers.c.ticket_type_id == package.ticket_type_id)
        & vouchers.c.order_line_id.is_(None)
        & vouchers.c.state.in_(_LIVE)
    )


def at_home(package: StoredPackage) -> ColumnElement[bool]:
    """Whether a voucher is made for the router that its package is made on now."""
    return vouchers.c.router_id == package.router_id


def count(connection: Connection, package: StoredPackage) -> int:
    """How large the stock is, with what is on its way."""
    query = select(func.count()).where(unsold(package), at_home(package))
    return connection.execute(query).scalar_one()


def sell(connection: Connection, package: StoredPackage, line: OwedLine, *, at: datetime) -> int:
    """Give a line the oldest vouchers of the stock that are there; gives for how many it lasted.

    Buyers at the same moment get different ones, and none waits for another.
    """
    free = (
        select(vouchers.c.id)
        .where(
            unsold(package),
            at_home(package),
            vouchers.c.state == VoucherState.PRESENT,
        )
        .order_by(vouchers.c.id)
        .limit(len(line.numbers))
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(free).scalars().all()
    over = ends_at(package.package, at, None)
    rows = [
        {"known": id_, "line_id": line.id, "place": number, "now": at, "over": over}
        for id_, number in zip(ids, line.numbers, strict=False)
    ]
    if rows:
        connection.execute(_SELL, rows)
    return len(rows)
