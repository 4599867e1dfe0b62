"""The positions of paid orders, places and vouchers, numbered alike."""

from sqlalchemy import BigInteger, cast, null, select, union_all

from ticketing.platform.db.tables.orders import order_lines, order_positions
from ticketing.platform.db.tables.vouchers import vouchers
from ticketing.vouchers.transition_queries import RETURNED_REASONS

_NONE = cast(null(), BigInteger)

order_items = union_all(
    select(
        order_positions.c.order_line_id,
        order_positions.c.number,
        order_positions.c.entitlement_id,
        _NONE.label("voucher_id"),
        order_positions.c.returned_at.is_not(None).label("is_returned"),
    ),
    select(
        vouchers.c.order_line_id,
        vouchers.c.number,
        _NONE.label("entitlement_id"),
        vouchers.c.id.label("voucher_id"),
        # an expired voucher may still be refunded
        vouchers.c.revoked_reason.in_(RETURNED_REASONS).label("is_returned"),
    ).where(vouchers.c.order_line_id.is_not(None)),
).subquery("had")

# a stable order: a number always means the same position
order_items_sort = (order_lines.c.ticket_type_id, order_items.c.number)
