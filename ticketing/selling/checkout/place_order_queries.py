"""Place a simple order in one round trip: one ticket type, no promo code, no payment plan.

Concurrent orders then wait for PostgreSQL only, and not for this process between statements.
"""

import json
from collections.abc import Sequence

import psycopg
from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnClause,
    Text,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from ticketing.catalogue.stock_queries import has_capacity
from ticketing.orders import hold_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_notices import notice_payload
from ticketing.orders.holds import NO_HOLD_LIMITS, HoldLimits
from ticketing.orders.order import OrderLine, Selection
from ticketing.orders.queries import NewOrder
from ticketing.platform.db.database import Database, compile_sql
from ticketing.platform.db.outbox import ORDER_PLACED
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.kernel.money import Rupiah

_TICKET_TYPE_ID, _PLACES = (
    bindparam("type_id", type_=BigInteger),
    bindparam("places", type_=BigInteger),
)
_DEFAULT_PER_ORDER = bindparam("default_per_order", type_=BigInteger)
_UNLIMITED = 2**62
_ACTOR = bindparam("actor", type_=audit_log.c.actor.type)
_NEW_ORDER = {
    name: bindparam(f"new_{name}", type_=orders.c[name].type)
    for name in order_queries.BASE_ORDER_COLUMNS
}
_COST = ticket_types.c.price * _PLACES
_FREE: ColumnClause[int] = literal_column("0")  # a free order is paid at once: not simple

# Order and audit entry come first, as everywhere, and only if the checks pass: no row is locked
# yet, but the address and the contact are, because their places are counted below.
_HOLDERS = hold_queries.LOCK_HOLDERS.cte("holders")
_PLACED = (
    insert_or_leave(orders)
    .from_select(
        [*_NEW_ORDER, "subtotal", "total"],
        select(*_NEW_ORDER.values(), _COST, _COST)
        .select_from(ticket_types.join(_HOLDERS, true()))
        .where(
            ticket_types.c.id == _TICKET_TYPE_ID,
            ticket_types.c.event_id == _NEW_ORDER["event_id"],
            ticket_types.c.on_sale,
            ticket_types.c.price != _FREE,
            has_capacity(_PLACES),
        ),
    )
    .on_conflict_do_nothing(index_elements=[orders.c.token_hash])
    .returning(orders.c.event_id, orders.c.code)
    .cte("placed")
)
_NOTICE = (
    insert(outbox)
    .from_select(
        ["event_id", "purpose", "subject", "recipient", "payload"],
        select(
            _PLACED.c.event_id,
            literal_column(f"'{ORDER_PLACED}'"),
            _PLACED.c.code,
            func.unnest(cast(bindparam("notice_addresses"), ARRAY(Text))),
            cast(bindparam("notice_payload", type_=Text), JSONB),
        ),
    )
    .cte("notice")
)
_ADD = (
    insert(audit_log)
    .from_select(
        ["actor", "action", "event_id", "subject", "items"],
        select(
            _ACTOR, literal_column("'orders.place'"), _PLACED.c.event_id, _PLACED.c.code, _PLACES
        ),
    )
    .add_cte(_NOTICE)
)
# A separate statement, so that the next one sees the changes of the previous lock holders. What the
# address and the contact hold is counted before the type is locked, because all orders of the type
# wait for that lock; the next statement finds in a variable of the transaction that it was allowed.
_WITHIN_LIMITS: ColumnClause[str] = literal_column("'ticketing.within_limits'")
_LOCK = (
    select(ticket_types.c.id, func.set_config(_WITHIN_LIMITS, _NEW_ORDER["code"], true()))
    .where(
        ticket_types.c.id == _TICKET_TYPE_ID,
        exists().where(orders.c.code == _NEW_ORDER["code"]),
        hold_queries.within_hold_limits(_PLACES),
    )
    .with_for_update(key_share=True, of=ticket_types)
)
_THIS_ORDER = (
    select(orders.c.id, orders.c.subtotal)
    .where(orders.c.code == _NEW_ORDER["code"])
    .cte("this_order")
)
_BUYER_PLACES = order_queries.buyer_places_query(
    _NEW_ORDER["event_id"], _NEW_ORDER["buyer_key"], _TICKET_TYPE_ID
)
_RESERVED_TYPE = (
    ticket_types.update()
    .where(
        ticket_types.c.id == _TICKET_TYPE_ID,
        ticket_types.c.on_sale,
        _THIS_ORDER.c.subtotal == _COST,
        has_capacity(_PLACES),
        func.coalesce(ticket_types.c.max_per_order, _DEFAULT_PER_ORDER) >= _PLACES,
        or_(
            ticket_types.c.max_per_buyer.is_(None),
            _NEW_ORDER["buyer_key"] == literal_column("''"),
            _BUYER_PLACES.scalar_subquery() + _PLACES <= ticket_types.c.max_per_buyer,
        ),
        func.current_setting(_WITHIN_LIMITS, true()) == _NEW_ORDER["code"],
    )
    .values(pending=ticket_types.c.pending + _PLACES)
    .returning(ticket_types.c.id, ticket_types.c.name, ticket_types.c.price)
    .cte("reserved")
)
# Without reserved places the ticket type is NULL, which the line refuses: everything rolls back.
_LINE = (
    insert(order_lines)
    .from_select(
        ["order_id", "ticket_type_id", "quantity", "price"],
        select(_THIS_ORDER.c.id, _RESERVED_TYPE.c.id, _PLACES, _RESERVED_TYPE.c.price).select_from(
            _THIS_ORDER.outerjoin(_RESERVED_TYPE, true())
        ),
    )
    .returning(order_lines.c.order_id)
    .cte("line")
)
_RESERVE_AND_INSERT_LINE = select(_LINE.c.order_id, _RESERVED_TYPE.c.name, _RESERVED_TYPE.c.price)
_STATEMENTS = [compile_sql(each) for each in (_ADD, _LOCK, _RESERVE_AND_INSERT_LINE)]


def insert_simple_order(
    database: Database,
    new: NewOrder,
    selection: Selection,
    *,
    by: str,
    holds: HoldLimits = NO_HOLD_LIMITS,
    notice_addresses: Sequence[str] = (),
) -> tuple[int, str, OrderLine] | None:
    """Store a pending order and reserve its places; return its id, the type's name and the line.

    The buyer's notice is stored with it.

    None means that nothing was changed; the long way in `place_order` finds the reason.
    """
    parameters = {
        **{f"new_{name}": value for name, value in order_queries.base_order_values(new).items()},
        "type_id": selection.ticket_type_id,
        "places": selection.quantity,
        "actor": by,
        "notice_addresses": list(notice_addresses),
        "notice_payload": json.dumps(notice_payload(new.code, notice_addresses)),
        "default_per_order": _UNLIMITED if holds.per_order is None else holds.per_order,
        **hold_queries.hold_parameters(
            holds, new.event_id, new.client_network, new.buyer.key, new.created_at
        ),
    }
    try:
        placed = database.execute_pipeline(_STATEMENTS, parameters)
    except psycopg.errors.NotNullViolation:
        return None
    if placed is None:
        return None
    order_id, name, price = placed
    return order_id, name, OrderLine(selection.ticket_type_id, selection.quantity, Rupiah(price))
