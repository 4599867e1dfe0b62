"""What looks at the routers tell of vouchers: since when they are used, and how much."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from ticketing.domain.vouchers import VoucherState
from ticketing.store.schema_vouchers import routers, vouchers
from ticketing.store.vouchers import COLUMNS, Voucher, voucher_of


@dataclass(frozen=True, slots=True)
class Use:
    """What a voucher has used, and until when it is valid therefore."""

    voucher_id: int
    online: timedelta
    bytes_used: int
    first_used_at: datetime | None
    ends_at: datetime | None


_NOTE = (
    update(vouchers)
    .where(
        vouchers.c.id == bindparam("known"),
        vouchers.c.state == VoucherState.PRESENT,
        or_(
            vouchers.c.online != bindparam("online"),
            vouchers.c.bytes_used != bindparam("bytes_used"),
            vouchers.c.first_used_at.is_distinct_from(bindparam("first_used_at")),
        ),
    )
    .values(
        online=bindparam("online"),
        bytes_used=bindparam("bytes_used"),
        first_used_at=bindparam("first_used_at"),
        ends_at=bindparam("ends_at"),
    )
)


def present(connection: Connection, router_id: int, keys: Collection[str]) -> list[Voucher]:
    """Those of these keys that are on the router as far as we know, and that nobody ends now."""
    query = (
        select(*COLUMNS)
        .where(
            vouchers.c.key.in_(keys),
            vouchers.c.router_id == router_id,
            vouchers.c.state == VoucherState.PRESENT,
        )
        .order_by(vouchers.c.id)
        .with_for_update(skip_locked=True)
    )
    return [voucher_of(row) for row in connection.execute(query)]


def note(connection: Connection, used: Sequence[Use]) -> None:
    """Write down what was seen; of those that ended meanwhile, nothing."""
    rows = [
        {
            "known": one.voucher_id,
            "online": one.online,
            "bytes_used": one.bytes_used,
            "first_used_at": one.first_used_at,
            "ends_at": one.ends_at,
        }
        for one in used
    ]
    if rows:
        connection.execute(_NOTE, rows)


def note_look(connection: Connection, router_id: int, *, at: datetime) -> None:
    """The whole of the router was looked at, not earlier than this."""
    connection.execute(update(routers).where(routers.c.id == router_id).values(compared_at=at))
