"""State transitions of vouchers: provisioning, activation, postponement, revocation, removal.

A pending voucher never was on a router and is removed at once; one that may be there is `revoking`
until the router confirms its absence. Every update requires the state from before the call to the
router, because an order can be refunded meanwhile. Orders are locked before their vouchers, both
in ascending order of their ids.
"""

from collections.abc import Collection, Mapping, Sequence
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
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.routers.credentials import Credentials
from ticketing.vouchers.model import LIVE_STATES, VoucherState
from ticketing.vouchers.queries import Voucher, voucher_from_row

REFUNDED, REVERSED, CLEANED_UP = "refunded", "reversed", "cleaned up"
RETURNED_REASONS = (REFUNDED, REVERSED)  # money refunded, stock released

_IS_PENDING = vouchers.c.state == VoucherState.PENDING
_IS_LIVE = vouchers.c.state.in_(LIVE_STATES)


def revoke(connection: Connection, ids: Sequence[int], *, reason: str, at: datetime) -> int:
    """Revoke these vouchers; return the number that were still live."""
    return _revoke_where(connection, vouchers.c.id.in_(ids), reason=reason, at=at)


def revoke_of_order(connection: Connection, order_id: int, *, reason: str, at: datetime) -> int:
    """Revoke the vouchers of an order; return the number that were still live."""
    lines = select(order_lines.c.id).where(order_lines.c.order_id == order_id)
    return _revoke_where(connection, vouchers.c.order_line_id.in_(lines), reason=reason, at=at)


def revoke_unsold(connection: Connection, ticket_type_id: int, *, at: datetime) -> int:
    """Revoke the pooled vouchers of a package."""
    unsold = (vouchers.c.ticket_type_id == ticket_type_id) & vouchers.c.order_line_id.is_(None)
    return _revoke_where(connection, unsold & _IS_LIVE, reason=CLEANED_UP, at=at)


def _revoke_where(
    connection: Connection, condition: ColumnElement[bool], *, reason: str, at: datetime
) -> int:
    """Revoke the matching vouchers; of those already revoked only the reason changes.

    A refund can come after a voucher's end.
    """
    locked = select(vouchers.c.id).where(condition).order_by(vouchers.c.id).with_for_update()
    is_locked = vouchers.c.id.in_(connection.execute(locked).scalars().all())
    connection.execute(update(vouchers).where(is_locked, ~_IS_LIVE).values(revoked_reason=reason))
    revoked = (
        update(vouchers)
        .where(is_locked, _IS_LIVE)
        .values(
            state=case((_IS_PENDING, VoucherState.REMOVED), else_=VoucherState.REVOKING),
            removed_at=case((_IS_PENDING, at), else_=null()),
            next_attempt_at=case((_IS_PENDING, null()), else_=at),
            revoked_reason=reason,
            attempt_count=0,
            failed_at=None,
            last_error="",
        )
    )
    number = connection.execute(revoked).rowcount
    if number:
        notify.notify_workers(connection)
    return number


_TIMESTAMP = DateTime(timezone=True)
_CLEARED_FAILURE = {
    "attempt_count": 0,
    "next_attempt_at": None,
    "failed_at": None,
    "last_error": "",
}


@dataclass(frozen=True, slots=True)
class VoucherPostponement:
    """A failed call for a voucher; without a next attempt it keeps its due time."""

    id: int
    reason: str
    next_attempt_at: datetime | None = None
    has_failed: bool = False


def list_unconfirmed(connection: Connection, router_id: int) -> list[Voucher]:
    """Return the provisioning vouchers: requested from the router, without a stored reply."""
    return _list_on_router(connection, router_id, vouchers.c.state == VoucherState.PROVISIONING)


def claim_pending(
    connection: Connection, router_id: int, *, by: str, at: datetime, limit: int
) -> list[Voucher]:
    """Set the due pending vouchers to provisioning and return them, earliest due first."""
    # the trigger of the history reads the actor, because the audit entry is written later
    connection.execute(select(func.set_config("ticketing.actor", by, True)))
    due = (
        select(vouchers.c.id)
        .where(
            vouchers.c.router_id == router_id,
            vouchers.c.state == VoucherState.PENDING,
            vouchers.c.next_attempt_at <= at,
        )
        .order_by(vouchers.c.next_attempt_at, vouchers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = (
        update(vouchers)
        .where(vouchers.c.id == due.c.id)
        .values(state=VoucherState.PROVISIONING)
        .returning(*vouchers.c)
    )
    return sorted(map(voucher_from_row, connection.execute(taken)), key=lambda each: each.id)


def list_due_removals(
    connection: Connection, router_id: int, *, at: datetime, limit: int
) -> list[Voucher]:
    """Return the vouchers to remove from a router now."""
    is_due = (vouchers.c.state == VoucherState.REVOKING) & (vouchers.c.next_attempt_at <= at)
    return _list_on_router(connection, router_id, is_due, limit=limit)


def lock_with_orders(connection: Connection, ids: Collection[int]) -> list[int]:
    """Lock these vouchers and their orders; return the ids of the orders."""
    order_ids = (
        select(order_lines.c.order_id)
        .join(vouchers, vouchers.c.order_line_id == order_lines.c.id)
        .where(vouchers.c.id.in_(ids))
    )
    locked_orders = select(orders.c.id).where(orders.c.id.in_(order_ids)).order_by(orders.c.id)
    locked = connection.execute(locked_orders.with_for_update(key_share=True)).scalars().all()
    locked_vouchers = select(vouchers.c.id).where(vouchers.c.id.in_(ids)).order_by(vouchers.c.id)
    connection.execute(locked_vouchers.with_for_update())
    return list(locked)


def mark_active(
    connection: Connection, ends_by_id: Mapping[int, datetime | None], *, at: datetime
) -> int:
    """Set provisioning vouchers to active, with the known ends of validity; return their number."""
    new = _values_table(
        "placed",
        id=(BigInteger(), list(ends_by_id)),
        ends_at=(_TIMESTAMP, list(ends_by_id.values())),
    )
    statement = (
        update(vouchers)
        .where(vouchers.c.id == new.c.id, vouchers.c.state == VoucherState.PROVISIONING)
        .values(
            state=VoucherState.ACTIVE,
            activated_at=func.coalesce(vouchers.c.activated_at, at),
            expires_at=new.c.ends_at,
            **_CLEARED_FAILURE,
        )
    )
    return connection.execute(statement).rowcount


def replace_credentials(
    connection: Connection,
    credentials: Credentials,
    postponement: VoucherPostponement,
    *,
    at: datetime,
) -> bool:
    """Store new credentials for a voucher; return False if we used that name before.

    Names are compared without case, as some routers do.
    """
    known = vouchers.alias("known")
    used_before = select(known.c.id).where(func.lower(known.c.name) == credentials.name.lower())
    statement = (
        update(vouchers)
        .where(
            vouchers.c.id == postponement.id,
            vouchers.c.state == VoucherState.PROVISIONING,
            ~used_before.exists(),
        )
        .values(
            state=VoucherState.PENDING,
            name=credentials.name,
            password=credentials.password,
            attempt_count=vouchers.c.attempt_count + 1,
            last_error=postponement.reason,
            next_attempt_at=postponement.next_attempt_at or vouchers.c.next_attempt_at,
            failed_at=func.coalesce(vouchers.c.failed_at, at if postponement.has_failed else None),
        )
    )
    return connection.execute(statement).rowcount == 1


def mark_removed(
    connection: Connection, ids: Collection[int], *, note: str = "", at: datetime
) -> int:
    """Set revoking vouchers to removed; return their number."""
    statement = (
        update(vouchers)
        .where(vouchers.c.id.in_(ids), vouchers.c.state == VoucherState.REVOKING)
        .values(
            state=VoucherState.REMOVED, removed_at=at, **(_CLEARED_FAILURE | {"last_error": note})
        )
    )
    return connection.execute(statement).rowcount


def _list_on_router(
    connection: Connection,
    router_id: int,
    condition: ColumnElement[bool],
    *,
    limit: int | None = None,
) -> list[Voucher]:
    query = select(*vouchers.c).where(vouchers.c.router_id == router_id, condition)
    in_turn = query.order_by(vouchers.c.next_attempt_at, vouchers.c.id).limit(limit)
    return [voucher_from_row(row) for row in connection.execute(in_turn)]


def postpone(
    connection: Connection,
    before: VoucherState,
    postponements: Sequence[VoucherPostponement],
    *,
    at: datetime,
) -> int:
    """Postpone calls for vouchers in this state; return their number.

    A provisioning voucher, which is not on its router, becomes pending again.
    """
    after = VoucherState.PENDING if before is VoucherState.PROVISIONING else before
    new = _values_table(
        "unplaced",
        id=(BigInteger(), [each.id for each in postponements]),
        error=(Text(), [each.reason for each in postponements]),
        next_attempt_at=(_TIMESTAMP, [each.next_attempt_at for each in postponements]),
        gave_up=(Boolean(), [each.has_failed for each in postponements]),
    )
    statement = (
        update(vouchers)
        .where(vouchers.c.id == new.c.id, vouchers.c.state == before)
        .values(
            state=after,
            attempt_count=vouchers.c.attempt_count + 1,
            last_error=new.c.error,
            next_attempt_at=func.coalesce(new.c.next_attempt_at, vouchers.c.next_attempt_at),
            failed_at=func.coalesce(vouchers.c.failed_at, case((new.c.gave_up, at))),
        )
    )
    return connection.execute(statement).rowcount


def _values_table(
    name: str, **columns: tuple[TypeEngine[Any], Sequence[object]]
) -> TableValuedAlias:
    """Return columns of values as a table: one array each, so the statement text stays the same."""
    lists = [literal(list(values), ARRAY(kind)) for kind, values in columns.values()]
    typed_columns = [column(each, kind) for each, (kind, _) in columns.items()]
    return func.unnest(*lists).table_valued(*typed_columns, name=name).render_derived()
