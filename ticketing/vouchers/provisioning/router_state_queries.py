"""Queries for the expected content of a router and the usage that polls report."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from ticketing.platform.db import notify
from ticketing.platform.db.tables.vouchers import packages, routers, vouchers
from ticketing.vouchers.model import VoucherState
from ticketing.vouchers.provisioning.drift import ExpectedVoucher
from ticketing.vouchers.queries import Voucher, voucher_from_row

LOST_REASON = "the router lost it"


@dataclass(frozen=True, slots=True)
class KnownVoucher:
    """Router, state and time of removal of a voucher."""

    router_id: int
    state: VoucherState
    removed_at: datetime | None


def list_expected(connection: Connection, router_id: int, *, at: datetime) -> list[ExpectedVoucher]:
    """Return every active voucher of the router that is still valid."""
    query = (
        select(
            vouchers.c.key,
            vouchers.c.name,
            packages.c.profile,
            packages.c.online_limit,
            packages.c.bytes_limit,
            packages.c.validity,
            packages.c.shared_users,
        )
        .join(packages, packages.c.ticket_type_id == vouchers.c.ticket_type_id)
        .where(
            vouchers.c.router_id == router_id,
            vouchers.c.state == VoucherState.ACTIVE,
            or_(vouchers.c.expires_at.is_(None), vouchers.c.expires_at > at),
        )
        .order_by(vouchers.c.id)
    )
    return [
        ExpectedVoucher(
            row.key, row.name, row.profile, row.online_limit, row.bytes_limit,
            validity=row.validity * row.shared_users,
        )
        for row in connection.execute(query)
    ]  # fmt: skip


def find_known(connection: Connection, keys: Collection[str]) -> dict[str, KnownVoucher]:
    """Return the stored state of these keys; unknown keys are absent."""
    columns = (vouchers.c.key, vouchers.c.router_id, vouchers.c.state, vouchers.c.removed_at)
    rows = connection.execute(select(*columns).where(vouchers.c.key.in_(keys)))
    return {
        row.key: KnownVoucher(row.router_id, VoucherState(row.state), row.removed_at)
        for row in rows
    }


def requeue_lost(connection: Connection, keys: Collection[str], *, at: datetime) -> int:
    """Set active vouchers that the router lost back to pending; return their number."""
    lost = (
        update(vouchers)
        .where(vouchers.c.key.in_(keys), vouchers.c.state == VoucherState.ACTIVE)
        .values(
            state=VoucherState.PENDING,
            next_attempt_at=at,
            attempt_count=0,
            failed_at=None,
            last_error=LOST_REASON,
        )
    )
    number = connection.execute(lost).rowcount
    if number:
        notify.notify_workers(connection)
    return number


@dataclass(frozen=True, slots=True)
class VoucherUsage:
    """Usage of a voucher and the end of its validity that follows."""

    voucher_id: int
    online: timedelta
    bytes_used: int
    first_used_at: datetime | None
    ends_at: datetime | None


_UPDATE_USAGE = (
    update(vouchers)
    .where(
        vouchers.c.id == bindparam("voucher_id"),
        vouchers.c.state == VoucherState.ACTIVE,
        or_(
            vouchers.c.online_time != bindparam("online"),
            vouchers.c.bytes_used != bindparam("bytes_used"),
            vouchers.c.first_used_at.is_distinct_from(bindparam("first_used_at")),
        ),
    )
    .values(
        online_time=bindparam("online"),
        bytes_used=bindparam("bytes_used"),
        first_used_at=bindparam("first_used_at"),
        expires_at=bindparam("ends_at"),
    )
)


def lock_active(connection: Connection, router_id: int, keys: Collection[str]) -> list[Voucher]:
    """Return the router's active vouchers with these keys, locked; skip rows locked elsewhere."""
    query = (
        select(*vouchers.c)
        .where(
            vouchers.c.key.in_(keys),
            vouchers.c.router_id == router_id,
            vouchers.c.state == VoucherState.ACTIVE,
        )
        .order_by(vouchers.c.id)
        .with_for_update(skip_locked=True)
    )
    return [voucher_from_row(row) for row in connection.execute(query)]


def record_usage(connection: Connection, used: Sequence[VoucherUsage]) -> None:
    """Store the usage of vouchers that are still active."""
    if used:
        connection.execute(_UPDATE_USAGE, [asdict(one) for one in used])


def mark_polled(connection: Connection, router_id: int, *, at: datetime) -> None:
    """Store the start time of a complete poll."""
    connection.execute(update(routers).where(routers.c.id == router_id).values(reconciled_at=at))
