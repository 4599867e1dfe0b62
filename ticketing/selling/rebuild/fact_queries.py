"""Queries for the recorded facts of orders, a page of orders at a time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, union_all

from ticketing.orders.order import OrderState
from ticketing.orders.refund import RefundChannel, RefundState
from ticketing.platform.db.inbox import PAYMENT_PROVIDERS, InboxOutcome
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.ledger import order_ledger
from ticketing.platform.db.tables.orders import order_lines, orders
from ticketing.platform.db.tables.payments import order_instalments, payment_attempts
from ticketing.platform.db.tables.refunds import event_cancellations, refunds

_SETTLED_OUTCOMES = (InboxOutcome.APPLIED, InboxOutcome.UNCHANGED)
Rows = Mapping[int, Sequence[RowMapping]]


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order, and when its event was cancelled."""

    id: int
    code: str
    state: OrderState
    total: int
    event_cancelled_at: datetime | None


def list_orders(
    connection: Connection, event_id: int | None, *, after: int, limit: int
) -> list[OrderRow]:
    """Return one page of orders, of one event or of all, ordered by id."""
    columns = (*orders.c["id", "code", "state", "total"], event_cancellations.c.started_at)
    query = (
        select(*columns)
        .outerjoin(event_cancellations, event_cancellations.c.event_id == orders.c.event_id)
        .where(orders.c.id > after)
        .order_by(orders.c.id)
        .limit(limit)
    )
    if event_id is not None:
        query = query.where(orders.c.event_id == event_id)
    return [
        OrderRow(row.id, row.code, OrderState(row.state), row.total, row.started_at)
        for row in connection.execute(query)
    ]


def _by_order(connection: Connection, query: Any) -> Rows:  # noqa: ANN401 - any columns
    found = defaultdict[int, list[RowMapping]](list)
    for row in connection.execute(query).mappings():
        found[row["order_id"]].append(row)
    return found


def list_attempts(connection: Connection, order_ids: Sequence[int]) -> Rows:
    """Return the attempts by order, with the sums of our refunds by hand and by the gateway."""
    is_manual = refunds.c.channel == RefundChannel.MANUAL
    by_hand, by_gateway = (
        select(func.coalesce(func.sum(refunds.c.amount), 0))
        .where(
            refunds.c.attempt_id == payment_attempts.c.id,
            refunds.c.state == RefundState.DONE,
            condition,
        )
        .scalar_subquery()
        for condition in (is_manual, ~is_manual)
    )
    columns = payment_attempts.c[
        "id", "order_id", "key", "state", "amount", "refunded", "transaction_id",
        "requested_amount", "instalment_sequence",
    ]  # fmt: skip
    query = select(
        *columns, by_gateway.label("refunds_done"), by_hand.label("refunded_manually")
    ).where(payment_attempts.c.order_id.in_(order_ids))
    return _by_order(connection, query.order_by(payment_attempts.c.number))


def list_instalments(connection: Connection, order_ids: Sequence[int]) -> Rows:
    """Return the numbers of the instalments by order."""
    query = select(*order_instalments.c["order_id", "sequence"])
    return _by_order(connection, query.where(order_instalments.c.order_id.in_(order_ids)))


def list_notifications(connection: Connection, order_ids: Sequence[int]) -> Rows:
    """Return the processed notifications by order, with the attempt that they are about."""
    attempt, webhook = payment_attempts.c, inbound_webhooks.c
    names = union_all(  # two joins, because PostgreSQL uses no index for either-or
        select(attempt.order_id, attempt.id, attempt.key.label("name")),
        select(attempt.order_id, attempt.id, attempt.transaction_id).where(
            attempt.transaction_id != ""
        ),
    ).subquery("names")
    query = (
        select(names.c.order_id, names.c.id.label("attempt_id"), webhook.processed_at, webhook.body)
        .join(inbound_webhooks, webhook.external_reference == names.c.name)
        .where(
            names.c.order_id.in_(order_ids),
            webhook.provider.in_(PAYMENT_PROVIDERS),
            webhook.outcome.in_(_SETTLED_OUTCOMES),
        )
        .order_by(webhook.id)
    )
    return _by_order(connection, query)


def list_ledger(connection: Connection, order_ids: Sequence[int]) -> Rows:
    """Return the ledger entries by order; what was changed by hand has no actor."""
    query = select(
        *order_ledger.c["id", "order_id", "attempt_id", "kind", "at", "actor", "money", "details"]
    ).where(order_ledger.c.order_id.in_(order_ids))
    return _by_order(connection, query.order_by(order_ledger.c.id))


def list_lines(connection: Connection, order_ids: Sequence[int]) -> Rows:
    """Return ticket type and places, without returned ones, of the lines by order."""
    places = order_lines.c.quantity - order_lines.c.returned
    query = select(*order_lines.c["order_id", "ticket_type_id"], places.label("places"))
    return _by_order(connection, query.where(order_lines.c.order_id.in_(order_ids)))


def list_stock(connection: Connection, event_id: int | None) -> list[tuple[int, str, int, int]]:
    """Return id, `event: name`, pending and sold places of the ticket types."""
    query = (
        select(
            ticket_types.c.id, events.c.slug + ": " + ticket_types.c.name,
            ticket_types.c.pending, ticket_types.c.sold,
        )
        .join(events, events.c.id == ticket_types.c.event_id)
        .order_by(ticket_types.c.id)
    )  # fmt: skip
    if event_id is not None:
        query = query.where(ticket_types.c.event_id == event_id)
    return [(*row,) for row in connection.execute(query)]
