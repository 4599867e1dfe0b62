"""What a paid order's buyer has: places and vouchers, numbered alike through the order."""

from sqlalchemy import BigInteger, cast, null, select, union_all

from ticketing.store.schema_sales import order_lines, order_places
from ticketing.store.schema_vouchers import vouchers
from ticketing.store.voucher_endings import GIVEN_BACK

_NONE = cast(null(), BigInteger)
had = union_all(
    select(
        order_places.c.order_line_id,
        order_places.c.number,
        order_places.c.attendee_id,
        _NONE.label("voucher_id"),
        order_places.c.returned_at.is_not(None).label("is_returned"),
    ),
    select(
        vouchers.c.order_line_id,
        vouchers.c.number,
        _NONE.label("attendee_id"),
        vouchers.c.id.label("voucher_id"),
        # one that is over may still be paid back
        vouchers.c.ending_why.in_(GIVEN_BACK).label("is_returned"),
    ).where(vouchers.c.order_line_id.is_not(None)),
).subquery("had")
in_order = (order_lines.c.ticket_type_id, had.c.number)  # the same number is always the same place
