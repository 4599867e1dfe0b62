"""Vouchers that are to be no more, whatever state they are in.

One that is owed never was on a router and is gone at once; one that may be there is `ending` until
the router says that it is not.

Vouchers on their way to a router and off it. When to ask again: domain/provisioning.py.

What is stamped is stamped only on a row that is still as it was when its router was asked: an order
can be refunded meanwhile. Orders are locked before their vouchers, both in the order of their ids.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    DateTime,
    TableValuedAlias,
    Text,
    case,
    column,
    func,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from ticketing.platform.db import notify
from ticketing.platform.db.tables.sales import order_lines, orders
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.routers.credentials import Credentials
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.queries import COLUMNS, Voucher, voucher_from_row

REFUNDED, REVERSED, CLEANED_UP = "refunded", "reversed", "cleaned up"
RETURNED_REASONS = (REFUNDED, REVERSED)  # whoever had it has their money, and the package its stock

_IS_PENDING = vouchers.c.state == VoucherState.PENDING
_IS_LIVE = vouchers.c.state.in_(
    [VoucherState.PENDING, VoucherState.PROVISIONING, VoucherState.ACTIVE]
)


def revoke(connection: Connection, ids: Sequence[int], *, reason: str, at: datetime) -> int:
    """End these; gives how many were not over already."""
    return _revoke_where(connection, vouchers.c.id.in_(ids), reason=reason, at=at)


def revoke_of_order(connection: Connection, order_id: int, *, reason: str, at: datetime) -> int:
    """End those of an order; gives how many were not over already."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id == order_id)
    return _revoke_where(connection, vouchers.c.order_line_id.in_(lines), reason=reason, at=at)


def revoke_unsold(connection: Connection, ticket_type_id: int, *, at: datetime) -> int:
    """End what was made ahead of a package and nobody bought."""
    unsold = (vouchers.c.ticket_type_id == ticket_type_id) & vouchers.c.order_line_id.is_(None)
    return _revoke_where(connection, unsold & _IS_LIVE, reason=CLEANED_UP, at=at)


def _revoke_where(
    connection: Connection, condition: ColumnElement[bool], *, reason: str, at: datetime
) -> int:
    """Of those that are over only the reason changes: a refund can come after their end."""
    locked = select(vouchers.c.id).where(condition).order_by(vouchers.c.id).with_for_update()
    mine = vouchers.c.id.in_(connection.execute(locked).scalars().all())
    connection.execute(update(vouchers).where(mine, ~_IS_LIVE).values(ending_why=reason))
    ended = (
        update(vouchers)
        .where(mine, _IS_LIVE)
        .values(
            state=case((_IS_PENDING, VoucherState.REMOVED), else_=VoucherState.REVOKING),
            gone_at=case((_IS_PENDING, at), else_=null()),
            next_try=case((_IS_PENDING, null()), else_=at),
            ending_why=reason,
            tries=0,
            gave_up_at=None,
            last_error="",
        )
    )
    number = connection.execute(ended).rowcount
    if number:
        notify.notify_workers(connection)
    return number


_TIMESTAMP = DateTime(timezone=True)


_CLEARED_FAILURE = {"tries": 0, "next_try": None, "gave_up_at": None, "last_error": ""}


@dataclass(frozen=True, slots=True)
class VoucherActivation:
    """A voucher that is on its router, and when it ends as far as is known."""

    id: int
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class VoucherPostponement:
    """One that is not, or not yet off it, and why; without `next_try` it keeps its turn."""

    id: int
    reason: str
    next_attempt_at: datetime | None = None
    has_failed: bool = False


def list_unconfirmed(connection: Connection, router_id: int) -> list[Voucher]:
    """What a router was asked for and has not answered, as far as anybody wrote down."""
    return _list_on_router(connection, router_id, vouchers.c.state == VoucherState.PROVISIONING)


def claim_pending(
    connection: Connection, router_id: int, *, by: str, at: datetime, limit: int
) -> list[Voucher]:
    """Those that are owed count as asked from now on: first come, first served."""
    # the audit log has a line when there is something to tell; each move is its actor's even now
    connection.execute(select(func.set_config("ticketing.actor", by, True)))
    due = (
        select(vouchers.c.id)
        .where(
            vouchers.c.router_id == router_id,
            vouchers.c.state == VoucherState.PENDING,
            vouchers.c.next_try <= at,
        )
        .order_by(vouchers.c.next_try, vouchers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = (
        update(vouchers)
        .where(vouchers.c.id == due.c.id)
        .values(state=VoucherState.PROVISIONING)
        .returning(*COLUMNS)
    )
    return sorted(map(voucher_from_row, connection.execute(taken)), key=lambda each: each.id)


def list_due_removals(
    connection: Connection, router_id: int, *, at: datetime, limit: int
) -> list[Voucher]:
    """Those that are to be taken off a router now."""
    is_due = (vouchers.c.state == VoucherState.REVOKING) & (vouchers.c.next_try <= at)
    return _list_on_router(connection, router_id, is_due, limit=limit)


def lock_with_orders(connection: Connection, ids: Collection[int]) -> list[int]:
    """Let nobody else change these vouchers, nor the orders that they belong to: those orders."""
    theirs = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.id.in_(ids))
    )
    of_these = select(orders.c.id).where(orders.c.id.in_(theirs)).order_by(orders.c.id)
    locked = connection.execute(of_these.with_for_update(key_share=True)).scalars().all()
    mine = select(vouchers.c.id).where(vouchers.c.id.in_(ids)).order_by(vouchers.c.id)
    connection.execute(mine.with_for_update())
    return list(locked)


def mark_active(
    connection: Connection, activations: Sequence[VoucherActivation], *, at: datetime
) -> int:
    """They are on their router; gives how many were still asked for."""
    new = _values_table(
        "placed",
        id=(BigInteger(), [each.id for each in activations]),
        ends_at=(_TIMESTAMP, [each.ends_at for each in activations]),
    )
    statement = (
        update(vouchers)
        .where(vouchers.c.id == new.c.id, vouchers.c.state == VoucherState.PROVISIONING)
        .values(
            state=VoucherState.ACTIVE,
            present_at=func.coalesce(vouchers.c.present_at, at),
            ends_at=new.c.ends_at,
            **_CLEARED_FAILURE,
        )
    )
    return connection.execute(statement).rowcount


def return_to_pending(
    connection: Connection, postponements: Sequence[VoucherPostponement], *, at: datetime
) -> int:
    """They are not on their router, and are owed as before."""
    return _postpone(
        connection, postponements, VoucherState.PROVISIONING, VoucherState.PENDING, at=at
    )


def postpone_removal(
    connection: Connection, postponements: Sequence[VoucherPostponement], *, at: datetime
) -> int:
    """They are to be taken off their router at another time."""
    return _postpone(connection, postponements, VoucherState.REVOKING, VoucherState.REVOKING, at=at)


def replace_credentials(
    connection: Connection, voucher_id: int, credentials: Credentials, *, reason: str
) -> bool:
    """One whose name is somebody else's row gets another; False when that was ours once too."""
    known = vouchers.alias("known")
    ours = select(known.c.id).where(known.c.name == credentials.name)
    statement = (
        update(vouchers)
        .where(
            vouchers.c.id == voucher_id,
            vouchers.c.state == VoucherState.PROVISIONING,
            ~ours.exists(),
        )
        .values(
            state=VoucherState.PENDING,
            name=credentials.name,
            password=credentials.password,
            tries=vouchers.c.tries + 1,
            last_error=reason,
        )
    )
    return connection.execute(statement).rowcount == 1


def mark_removed(
    connection: Connection, ids: Collection[int], *, note: str = "", at: datetime
) -> int:
    """They are off their router; gives how many were not before."""
    statement = (
        update(vouchers)
        .where(vouchers.c.id.in_(ids), vouchers.c.state == VoucherState.REVOKING)
        .values(state=VoucherState.REMOVED, gone_at=at, **(_CLEARED_FAILURE | {"last_error": note}))
    )
    return connection.execute(statement).rowcount


def _list_on_router(
    connection: Connection,
    router_id: int,
    condition: ColumnElement[bool],
    *,
    limit: int | None = None,
) -> list[Voucher]:
    query = select(*COLUMNS).where(vouchers.c.router_id == router_id, condition)
    in_turn = query.order_by(vouchers.c.next_try, vouchers.c.id).limit(limit)
    return [voucher_from_row(row) for row in connection.execute(in_turn)]


def _postpone(
    connection: Connection,
    postponements: Sequence[VoucherPostponement],
    before: VoucherState,
    after: VoucherState,
    *,
    at: datetime,
) -> int:
    new = _values_table(
        "unplaced",
        id=(BigInteger(), [each.id for each in postponements]),
        why=(Text(), [each.reason for each in postponements]),
        next_try=(_TIMESTAMP, [each.next_attempt_at for each in postponements]),
        gave_up=(Boolean(), [each.has_failed for each in postponements]),
    )
    statement = (
        update(vouchers)
        .where(vouchers.c.id == new.c.id, vouchers.c.state == before)
        .values(
            state=after,
            tries=vouchers.c.tries + 1,
            last_error=new.c.why,
            next_try=func.coalesce(new.c.next_try, vouchers.c.next_try),
            gave_up_at=func.coalesce(vouchers.c.gave_up_at, case((new.c.gave_up, at))),
        )
    )
    return connection.execute(statement).rowcount


def _values_table(
    name: str, **columns: tuple[TypeEngine[Any], Sequence[object]]
) -> TableValuedAlias:
    """Values of ours as a table; a list each, whatever the number of rows, so one statement."""
    lists = [literal(list(values), ARRAY(kind)) for kind, values in columns.values()]
    named = [column(each, kind) for each, (kind, _) in columns.items()]
    return func.unnest(*lists).table_valued(*named, name=name).render_derived()
