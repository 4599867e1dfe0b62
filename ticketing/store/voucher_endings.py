"""Vouchers that are to be no more, whatever state they are in.

One that is owed never was on a router and is gone at once; one that may be there is `ending` until
the router says that it is not.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, null, select, update

from ticketing.domain.vouchers import VoucherState
from ticketing.store import bell
from ticketing.store.schema_sales import order_lines
from ticketing.store.schema_vouchers import vouchers

REFUNDED, REVERSED, CLEANED_UP = "refunded", "reversed", "cleaned up"
GIVEN_BACK = (REFUNDED, REVERSED)  # whoever had it has their money, and the package its stock

_OWED = vouchers.c.state == VoucherState.OWED
_LIVES = vouchers.c.state.in_([VoucherState.OWED, VoucherState.ASKED, VoucherState.PRESENT])


def end(connection: Connection, ids: Sequence[int], *, why: str, at: datetime) -> int:
    """End these; gives how many were not over already."""
    return _end(connection, vouchers.c.id.in_(ids), why=why, at=at)


def end_of_order(connection: Connection, order_id: int, *, why: str, at: datetime) -> int:
    """End those of an order; gives how many were not over already."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id == order_id)
    return _end(connection, vouchers.c.order_line_id.in_(lines), why=why, at=at)


def end_unsold(connection: Connection, ticket_type_id: int, *, at: datetime) -> int:
    """End what was made ahead of a package and nobody bought."""
    unsold = (vouchers.c.ticket_type_id == ticket_type_id) & vouchers.c.order_line_id.is_(None)
    return _end(connection, unsold & _LIVES, why=CLEANED_UP, at=at)


def _end(connection: Connection, these: ColumnElement[bool], *, why: str, at: datetime) -> int:
    """Of those that are over only the reason changes: a refund can come after their end."""
    locked = select(vouchers.c.id).where(these).order_by(vouchers.c.id).with_for_update()
    mine = vouchers.c.id.in_(connection.execute(locked).scalars().all())
    connection.execute(update(vouchers).where(mine, ~_LIVES).values(ending_why=why))
    ended = (
        update(vouchers)
        .where(mine, _LIVES)
        .values(
            state=case((_OWED, VoucherState.GONE), else_=VoucherState.ENDING),
            gone_at=case((_OWED, at), else_=null()),
            next_try=case((_OWED, null()), else_=at),
            ending_why=why,
            tries=0,
            gave_up_at=None,
            last_error="",
        )
    )
    number = connection.execute(ended).rowcount
    if number:
        bell.ring(connection)
    return number
