"""What should be on a router, and what is known of rows that should not."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select, update

from ticketing.domain.voucher_drift import Expected
from ticketing.domain.vouchers import VoucherState
from ticketing.store import bell
from ticketing.store.schema_vouchers import packages, vouchers

LOST = "the router lost it"


@dataclass(frozen=True, slots=True)
class Known:
    """Where a voucher is said to be, and since when it is gone if it is."""

    router_id: int
    state: VoucherState
    gone_at: datetime | None


def expected(connection: Connection, router_id: int, *, at: datetime) -> list[Expected]:
    """Every voucher that is on the router as far as we know, and still valid."""
    query = (
        select(
            vouchers.c.key,
            vouchers.c.name,
            packages.c.profile,
            packages.c.online_limit,
            packages.c.bytes_limit,
        )
        .join(packages, packages.c.ticket_type_id == vouchers.c.ticket_type_id)
        .where(
            vouchers.c.router_id == router_id,
            vouchers.c.state == VoucherState.PRESENT,
            or_(vouchers.c.ends_at.is_(None), vouchers.c.ends_at > at),
        )
        .order_by(vouchers.c.id)
    )
    return [Expected(*row) for row in connection.execute(query)]


def known(connection: Connection, keys: Collection[str]) -> dict[str, Known]:
    """What is known of these keys; of one that is not there, nothing is."""
    columns = (vouchers.c.key, vouchers.c.router_id, vouchers.c.state, vouchers.c.gone_at)
    rows = connection.execute(select(*columns).where(vouchers.c.key.in_(keys)))
    return {row.key: Known(row.router_id, VoucherState(row.state), row.gone_at) for row in rows}


def owe_again(connection: Connection, keys: Collection[str], *, at: datetime) -> int:
    """Want on their router again what it lost; gives how many were there as far as we knew."""
    lost = (
        update(vouchers)
        .where(vouchers.c.key.in_(keys), vouchers.c.state == VoucherState.PRESENT)
        .values(state=VoucherState.OWED, next_try=at, tries=0, gave_up_at=None, last_error=LOST)
    )
    number = connection.execute(lost).rowcount
    if number:
        bell.ring(connection)
    return number
