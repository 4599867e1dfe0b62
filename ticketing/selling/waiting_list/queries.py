"""Queries for waiting lists."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    exists,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from ticketing.orders.order import Buyer, OrderState
from ticketing.platform.db import audit_log
from ticketing.platform.db.payment_environment import CURRENT_ENVIRONMENT
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.waiting_list import waiting_list_entries as entries
from ticketing.platform.kernel.errors import UnknownWaitingEntry
from ticketing.selling.waiting_list.model import WaitingEntry

_IS_WAITING = and_(entries.c.order_id.is_(None), entries.c.left_at.is_(None))
_IS_HERE = entries.c.environment == CURRENT_ENVIRONMENT
_CAN_BE_OFFERED = and_(_IS_WAITING, entries.c.confirmed_at.is_not(None), _IS_HERE)
_PLACES_LEFT = ticket_types.c.capacity - ticket_types.c.pending - ticket_types.c.sold


def _fits(places_left: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(places_left.is_(None), entries.c.quantity <= places_left)


def insert_entry(
    connection: Connection,
    *,
    event_id: int,
    ticket_type_id: int,
    quantity: int,
    buyer: Buyer,
    client_network: str,
    at: datetime,
) -> int | None:
    """Store an entry, or begin again with one that has ended or was not confirmed.

    None if the contact is listed. An entry of another payment environment is not touched.
    """
    ended_order = exists().where(
        orders.c.id == entries.c.order_id, orders.c.state != OrderState.PENDING
    )
    values = {
        "quantity": quantity,
        "buyer_name": buyer.name,
        "buyer_email": buyer.email,
        "buyer_phone": buyer.phone,
        "client_network": client_network,
        "joined_at": at,
    }
    unconfirmed = and_(_IS_WAITING, entries.c.confirmed_at.is_(None))
    statement = insert(entries).values(
        event_id=event_id, ticket_type_id=ticket_type_id, buyer_key=buyer.key, **values
    )
    added = statement.on_conflict_do_update(
        index_elements=[entries.c.ticket_type_id, entries.c.buyer_key, entries.c.environment],
        set_=values | {"order_id": None, "left_at": None, "confirmed_at": None},
        where=or_(entries.c.left_at.is_not(None), ended_order, unconfirmed),
    )
    return connection.execute(added.returning(entries.c.id)).scalar_one_or_none()


def get(connection: Connection, entry_id: int) -> WaitingEntry:
    """Return an entry. Raises UnknownWaitingEntry."""
    return _fetch(connection, _select_entries().where(entries.c.id == entry_id), entry_id)


def lock(connection: Connection, entry_id: int) -> WaitingEntry:
    """Return an entry, locked until the transaction ends. Raises UnknownWaitingEntry."""
    query = _select_entries().where(entries.c.id == entry_id)
    return _fetch(connection, query.with_for_update(of=entries), entry_id)


def get_by_token(connection: Connection, token: UUID) -> WaitingEntry:
    """Return the entry of a link. Raises UnknownWaitingEntry."""
    return _fetch(connection, _select_entries().where(entries.c.token == token), "of this link")


def _fetch(connection: Connection, query: Select[*tuple[Any, ...]], name: object) -> WaitingEntry:
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownWaitingEntry(
            f"there is no entry {name}; `ticketing waiting-list list` shows the entries"
        )
    return _entry_from_row(row)


def list_entries(connection: Connection, event_id: int) -> list[WaitingEntry]:
    """Return the entries of this payment environment by ticket type, the earliest first."""
    query = (
        _select_entries()
        .where(entries.c.event_id == event_id, _IS_HERE)
        .order_by(entries.c.ticket_type_id, entries.c.joined_at, entries.c.id)
    )
    return [_entry_from_row(row) for row in connection.execute(query).mappings()]


def count_earlier(connection: Connection, entry: WaitingEntry) -> int:
    """Return how many confirmed entries wait before this one."""
    query = select(func.count()).where(
        _IS_WAITING,
        entries.c.confirmed_at.is_not(None),
        entries.c.ticket_type_id == entry.ticket_type_id,
        entries.c.environment == entry.environment,
        or_(
            entries.c.joined_at < entry.joined_at,
            and_(entries.c.joined_at == entry.joined_at, entries.c.id < entry.id),
        ),
    )
    return connection.execute(query).scalar_one()


def count_of_network(connection: Connection, event_id: int, client_network: str) -> int:
    """Return how many entries of a network wait for places of an event; 0 for an unknown one."""
    if not client_network:
        return 0
    query = select(func.count()).where(
        _IS_WAITING,
        _IS_HERE,
        entries.c.event_id == event_id,
        entries.c.client_network == client_network,
    )
    return connection.execute(query).scalar_one()


def list_types_to_offer(connection: Connection, *, at: datetime) -> list[int]:
    """Return the ticket types on sale with enough places for one of their confirmed entries."""
    query = (
        select(ticket_types.c.id)
        .join(events, events.c.id == ticket_types.c.event_id)
        .where(
            ticket_types.c.on_sale,
            events.c.ends_at > at,
            exists().where(
                _CAN_BE_OFFERED,
                entries.c.ticket_type_id == ticket_types.c.id,
                _fits(_PLACES_LEFT),
            ),
        )
        .order_by(ticket_types.c.id)
    )
    return list(connection.execute(query).scalars())


def lock_next(
    connection: Connection,
    ticket_type_id: int,
    places_left: int | None,
    skipped: Collection[int] = (),
) -> WaitingEntry | None:
    """Return the earliest confirmed entry that the places suffice for, locked, or None."""
    query = _select_entries().where(
        _CAN_BE_OFFERED,
        entries.c.ticket_type_id == ticket_type_id,
        entries.c.id.not_in(skipped),
    )
    if places_left is not None:
        query = query.where(entries.c.quantity <= places_left)
    query = query.order_by(entries.c.joined_at, entries.c.id).limit(1)
    row = (
        connection.execute(query.with_for_update(of=entries, skip_locked=True))
        .mappings()
        .one_or_none()
    )
    return None if row is None else _entry_from_row(row)


def set_offer(connection: Connection, entry_id: int, order_id: int) -> None:
    """Record the order that holds the places of a locked entry."""
    _update(
        connection, entry_id, order_id=order_id, offer_count=entries.c.offer_count + 1,
        client_network="",
    )  # fmt: skip


def record_left(
    connection: Connection, entry: WaitingEntry, *, reason: str, at: datetime, by: str
) -> None:
    """Record that a locked entry has left the list, and why."""
    _update(connection, entry.id, left_at=at, client_network="")
    audit_log.record(
        connection, by, "waiting_list.leave", event_id=entry.event_id, subject=str(entry.id),
        details={"reason": reason},
    )  # fmt: skip


def record_confirmed(connection: Connection, entry: WaitingEntry, *, at: datetime, by: str) -> None:
    """Record that the contact of a locked entry wants to be offered places."""
    _update(connection, entry.id, confirmed_at=at)
    audit_log.record(
        connection, by, "waiting_list.confirm", event_id=entry.event_id, subject=str(entry.id)
    )


def _update(connection: Connection, entry_id: int, **values: object) -> None:
    connection.execute(update(entries).where(entries.c.id == entry_id).values(**values))


def _select_entries() -> Select[*tuple[Any, ...]]:
    """Return the query for entries with their ticket type and order."""
    return (
        select(
            entries,
            not_(_IS_HERE).label("is_elsewhere"),
            ticket_types.c.name.label("ticket_type"),
            orders.c.code.label("order_code"),
            orders.c.state.label("order_state"),
            orders.c.expires_at.label("offered_until"),
        )
        .join(ticket_types, ticket_types.c.id == entries.c.ticket_type_id)
        .outerjoin(orders, orders.c.id == entries.c.order_id)
    )


def _entry_from_row(row: RowMapping) -> WaitingEntry:
    contact = {name: row[f"buyer_{name}"] for name in ("key", "name", "email", "phone")}
    state = row["order_state"]
    fields = set(WaitingEntry.__dataclass_fields__) - {"buyer", "order_state"}
    return WaitingEntry(
        buyer=Buyer(**contact),
        order_state=None if state is None else OrderState(state),
        **{name: row[name] for name in fields},
    )
