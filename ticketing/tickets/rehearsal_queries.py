"""Conditions for test tickets: those of rehearsals, and of guests whom the roster marks for tests.

Both read the entitlement and the guest that the query has joined.
"""

from sqlalchemy import ColumnElement, and_, exists, or_

from ticketing.platform.db.payment_environment import is_production, is_rehearsal
from ticketing.platform.db.tables.orders import order_lines, order_positions, orders
from ticketing.platform.db.tables.roster import entitlements, guests


def is_test_ticket() -> ColumnElement[bool]:
    """Return the condition: the ticket carries the mark of a test."""
    of_rehearsal = exists().where(
        order_positions.c.entitlement_id == entitlements.c.id,
        order_lines.c.id == order_positions.c.order_line_id,
        orders.c.id == order_lines.c.order_id,
        is_rehearsal(),
    )
    return or_(guests.c.is_test, of_rehearsal)


def is_refused_rehearsal() -> ColumnElement[bool]:
    """Return the condition: the ticket admits nobody, because this is no rehearsal."""
    return and_(is_production(), is_test_ticket())
