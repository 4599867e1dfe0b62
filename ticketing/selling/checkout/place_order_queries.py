"""Plain orders, placed in one round trip: places of one ticket type, and nothing else to see to.

Whoever waits for the ticket type's row then waits for PostgreSQL only, not for this program's turn.
"""

import psycopg
from sqlalchemy import (
    BigInteger,
    ColumnClause,
    bindparam,
    exists,
    insert,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from ticketing.catalogue.stock_queries import has_room
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Line, Selection
from ticketing.orders.queries import NewOrder
from ticketing.platform.db.database import Database, sent_as
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.sales import order_lines, orders, ticket_types
from ticketing.platform.kernel.money import Rupiah

_WANTED, _PLACES = bindparam("wanted", type_=BigInteger), bindparam("places", type_=BigInteger)
_ACTOR = bindparam("actor", type_=audit_log.c.actor.type)
_GIVEN = {
    name: bindparam(f"new_{name}", type_=orders.c[name].type)
    for name in order_queries.KNOWN_AT_FIRST
}
_COST = ticket_types.c.price * _PLACES
_FREE: ColumnClause[int] = literal_column("0")  # is paid as soon as it is taken: more than plain

# The order and its trace come first, as everywhere, and only when all seems well: nobody waits yet.
_PLACED = (
    insert_or_leave(orders)
    .from_select(
        [*_GIVEN, "subtotal", "total"],
        select(*_GIVEN.values(), _COST, _COST).where(
            ticket_types.c.id == _WANTED,
            ticket_types.c.event_id == _GIVEN["event_id"],
            ticket_types.c.on_sale,
            ticket_types.c.price != _FREE,
            has_room(_PLACES),
        ),
    )
    .on_conflict_do_nothing(index_elements=[orders.c.token_hash])
    .returning(orders.c.event_id, orders.c.code)
    .cte("placed")
)
_ADD = insert(audit_log).from_select(
    ["actor", "action", "event_id", "subject", "items"],
    select(_ACTOR, literal_column("'orders.place'"), _PLACED.c.event_id, _PLACED.c.code, _PLACES),
)
# A statement of its own: the next one then sees what those did who had the row before.
_LOCK = (
    select(ticket_types.c.id)
    .where(ticket_types.c.id == _WANTED, exists().where(orders.c.code == _GIVEN["code"]))
    .with_for_update(key_share=True, of=ticket_types)
)
_OURS = select(orders.c.id, orders.c.subtotal).where(orders.c.code == _GIVEN["code"]).cte("ours")
_HAS_ALREADY = order_queries.places_of(_GIVEN["event_id"], _GIVEN["buyer_key"], _WANTED)
_HELD = (
    ticket_types.update()
    .where(
        ticket_types.c.id == _WANTED,
        ticket_types.c.on_sale,
        _OURS.c.subtotal == _COST,
        has_room(_PLACES),
        or_(ticket_types.c.max_per_order.is_(None), ticket_types.c.max_per_order >= _PLACES),
        or_(
            ticket_types.c.max_per_buyer.is_(None),
            _GIVEN["buyer_key"] == literal_column("''"),
            _HAS_ALREADY.scalar_subquery() + _PLACES <= ticket_types.c.max_per_buyer,
        ),
    )
    .values(pending=ticket_types.c.pending + _PLACES)
    .returning(ticket_types.c.id, ticket_types.c.name, ticket_types.c.price)
    .cte("held")
)
# Without held places there is no ticket type to write, and no line can do without: all is undone.
_LINE = (
    insert(order_lines)
    .from_select(
        ["order_id", "ticket_type_id", "quantity", "price"],
        select(_OURS.c.id, _HELD.c.id, _PLACES, _HELD.c.price).select_from(
            _OURS.outerjoin(_HELD, true())
        ),
    )
    .returning(order_lines.c.order_id)
    .cte("line")
)
_HOLD = select(_LINE.c.order_id, _HELD.c.name, _HELD.c.price)
_STATEMENTS = [sent_as(_ADD), sent_as(_LOCK), sent_as(_HOLD)]


def place(
    database: Database, new: NewOrder, wanted: Selection, *, by: str
) -> tuple[int, str, Line] | None:
    """Store a pending order at the price of now, and hold its places: its number, name and line.

    None when nothing came of it, and nothing was changed: who looks more closely can say why.
    """
    given = {
        **{f"new_{name}": value for name, value in order_queries.known_at_first(new).items()},
        "wanted": wanted.ticket_type_id,
        "places": wanted.quantity,
        "actor": by,
    }
    try:
        placed = database.at_once(_STATEMENTS, given)
    except psycopg.errors.NotNullViolation:
        return None
    if placed is None:
        return None
    order_id, name, price = placed
    return order_id, name, Line(wanted.ticket_type_id, wanted.quantity, Rupiah(price))
