"""Queries of the ledger of deliveries and of the addresses that get no campaigns."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select

from ticketing.notifications.claim_queries import needs_attention
from ticketing.notifications.delivery import Channel, DeliveryState
from ticketing.notifications.delivery_queries import (
    Delivery,
    delivery_from_row,
    select_deliveries,
)
from ticketing.platform.db.tables.notifications import deliveries, opt_outs

PAGE = 50


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries are listed; `failed` are those that no retry or other channel follows."""

    event_id: int | None = None
    channel: Channel | None = None
    state: DeliveryState | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class OptOut:
    """An address that gets no campaigns."""

    address: str
    opted_out_at: datetime


def list_deliveries(
    connection: Connection,
    wanted: DeliveryFilter,
    *,
    only: Collection[int] | None,
    before: int | None,
) -> list[Delivery]:
    """Return a page of deliveries and one more, newest first, older than the id `before`.

    `only` are the events that the caller may see; None is all, and messages without an event.
    """
    conditions = list[ColumnElement[bool]]()
    if wanted.event_id is not None:
        conditions.append(deliveries.c.event_id == wanted.event_id)
    if wanted.channel is not None:
        conditions.append(deliveries.c.channel == wanted.channel)
    if wanted.state is not None:
        conditions.append(deliveries.c.state == wanted.state)
    if wanted.failed:
        conditions.append(needs_attention())
    if only is not None:
        conditions.append(deliveries.c.event_id.in_(only))
    if before is not None:
        conditions.append(deliveries.c.id < before)
    query = select_deliveries().where(*conditions).order_by(deliveries.c.id.desc())
    return [delivery_from_row(row) for row in connection.execute(query.limit(PAGE + 1))]


def list_opt_outs(connection: Connection, text: str, *, after: str) -> list[OptOut]:
    """Return a page of addresses that contain a text, by address behind `after`, and one more."""
    query = select(opt_outs.c.address, opt_outs.c.opted_out_at).where(opt_outs.c.address > after)
    if text:
        query = query.where(opt_outs.c.address.contains(text.lower(), autoescape=True))
    rows = connection.execute(query.order_by(opt_outs.c.address).limit(PAGE + 1))
    return [OptOut(*row) for row in rows]


def count_opt_outs(connection: Connection) -> int:
    """Return the number of addresses that get no campaigns."""
    return connection.execute(select(func.count()).select_from(opt_outs)).scalar_one()
