"""Count the places that an address or a contact holds without having paid."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    DateTime,
    Select,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from ticketing.orders.holds import HeldPlaces, HoldLimits
from ticketing.orders.order import OrderState
from ticketing.platform.db.tables.orders import order_lines, orders

_EVENT = bindparam("held_event", type_=BigInteger)
_NETWORK, _BUYER = bindparam("held_network", type_=Text), bindparam("held_buyer", type_=Text)
_AT = bindparam("held_at", type_=DateTime(timezone=True))
_PER_ADDRESS, _PER_CONTACT = (
    bindparam("per_address", type_=BigInteger),
    bindparam("per_contact", type_=BigInteger),
)
_ZERO: ColumnClause[int] = literal_column("0")
_EMPTY: ColumnClause[str] = literal_column("''")

# one lookup each, in an index that the other cannot use: an OR of both, or an index that suits
# both, made the planner read all orders of the event while it thought that there were few
_BY_ADDRESS = and_(orders.c.client_network == _NETWORK, orders.c.client_network != _EMPTY)
_BY_CONTACT = and_(orders.c.buyer_key == _BUYER, orders.c.buyer_key != _EMPTY)
# without money: waiting for it, or free
_IS_UNPAID = or_(
    orders.c.state == literal_column(f"'{OrderState.PENDING}'"),
    and_(orders.c.state == literal_column(f"'{OrderState.PAID}'"), orders.c.total == _ZERO),
)
_PLACES = func.coalesce(func.sum(order_lines.c.quantity - order_lines.c.returned), _ZERO)


def _from_unpaid_orders(
    whose: ColumnElement[bool], *columns: ColumnElement[Any]
) -> Select[*tuple[Any, ...]]:
    return (
        select(*columns)
        .select_from(orders.join(order_lines, order_lines.c.order_id == orders.c.id))
        .where(orders.c.event_id == _EVENT, whose, _IS_UNPAID, orders.c.expires_at > _AT)
    )


def within_hold_limits(places: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that the address and the contact may hold this many places more."""
    return and_(
        *(
            _from_unpaid_orders(
                whose, or_(_PLACES == _ZERO, _PLACES + places <= limit, limit.is_(None))
            ).scalar_subquery()
            for whose, limit in ((_BY_ADDRESS, _PER_ADDRESS), (_BY_CONTACT, _PER_CONTACT))
        )
    )


# the address first, everywhere: two orders never wait for each other
LOCK_HOLDERS = select(
    *(
        func.pg_advisory_xact_lock(func.hashtextextended(bindparam(name, type_=Text), _ZERO)).label(
            name
        )
        for name in ("address_lock", "contact_lock")
    )
)
_TRY_LOCK_CONTACT = select(
    func.pg_try_advisory_xact_lock(
        func.hashtextextended(bindparam("contact_lock", type_=Text), _ZERO)
    )
)
_HELD_BY_ADDRESS, _HELD_BY_CONTACT = (
    _from_unpaid_orders(whose, _PLACES, func.min(orders.c.expires_at))
    for whose in (_BY_ADDRESS, _BY_CONTACT)
)


def hold_parameters(
    holds: HoldLimits, event_id: int, network: str, buyer_key: str, at: datetime
) -> dict[str, object]:
    """Return the parameters of the queries; one without a limit is neither counted nor locked."""
    counts_address = holds.per_address is not None and network
    counts_contact = holds.per_contact is not None and buyer_key
    return {
        "held_event": event_id,
        "held_at": at,
        "held_network": network if counts_address else "",
        "held_buyer": buyer_key if counts_contact else "",
        "per_address": holds.per_address,
        "per_contact": holds.per_contact,
        "address_lock": f"holds {event_id} {network}" if counts_address else None,
        "contact_lock": f"holds {event_id} {buyer_key}" if counts_contact else None,
    }


def lock_and_count_held(
    connection: Connection, parameters: dict[str, object]
) -> tuple[HeldPlaces, HeldPlaces]:
    """Return what the address and the contact hold; until the commit nobody adds to it."""
    connection.execute(LOCK_HOLDERS, parameters)
    return (
        _count_held(connection, _HELD_BY_ADDRESS, parameters),
        _count_held(connection, _HELD_BY_CONTACT, parameters),
    )


def try_count_held_by_contact(
    connection: Connection, parameters: dict[str, object]
) -> HeldPlaces | None:
    """Return what the contact holds; None while an order of the contact is being placed.

    For a caller that has locked a ticket type already: it must not wait for the contact's lock.
    """
    if not connection.execute(_TRY_LOCK_CONTACT, parameters).scalar_one():
        return None
    return _count_held(connection, _HELD_BY_CONTACT, parameters)


def _count_held(
    connection: Connection, query: Select[*tuple[Any, ...]], parameters: dict[str, object]
) -> HeldPlaces:
    places, until = connection.execute(query, parameters).one()
    return HeldPlaces(int(places), until)
