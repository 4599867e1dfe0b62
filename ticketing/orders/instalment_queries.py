"""Queries for the payment plans of events and the instalments of orders.

Instalments change only while their order is locked. The rules are in `instalments.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Text, cast, exists, insert, select, update

from ticketing.orders import queries
from ticketing.orders.instalments import Instalment, OverduePolicy, PaymentPlan, TicketReleasePolicy
from ticketing.orders.order import Order, OrderState
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.outbox import INSTALMENT_DUE
from ticketing.platform.db.tables.catalogue import payment_plans
from ticketing.platform.db.tables.orders import orders as orders_table
from ticketing.platform.db.tables.outbox import outbox
from ticketing.platform.db.tables.payments import order_instalments
from ticketing.platform.kernel.errors import PartsRefused
from ticketing.platform.kernel.money import Rupiah

_PLAN_COLUMNS = columns_of(PaymentPlan, payment_plans)
_INSTALMENT_COLUMNS = (
    *order_instalments.c["sequence", "due_at", "amount", "paid_attempt_id", "paid_at"],
)


def insert_plan(connection: Connection, event_id: int, plan: PaymentPlan) -> None:
    """Store a payment plan.

    Refuses a name that the event has used before, since orders may follow that plan.
    """
    query = select(payment_plans.c.id).where(
        payment_plans.c.event_id == event_id, payment_plans.c.name == plan.name
    )
    if connection.execute(query).first() is not None:
        raise PartsRefused(f"there is a payment plan {plan.name!r} already; choose another name")
    connection.execute(insert(payment_plans).values(event_id=event_id, **asdict(plan)))


def mark_plan_withdrawn(connection: Connection, event_id: int, name: str, *, at: datetime) -> bool:
    """Withdraw a payment plan; orders that follow it continue. Return False if not offered."""
    ended = (
        update(payment_plans)
        .where(
            payment_plans.c.event_id == event_id,
            payment_plans.c.name == name,
            payment_plans.c.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=at)
    )
    return connection.execute(ended).rowcount == 1


def list_offered_plans(connection: Connection, event_id: int) -> dict[int, PaymentPlan]:
    """Return the payment plans that an event offers, by id, oldest first."""
    query = (
        select(payment_plans.c.id, *_PLAN_COLUMNS)
        .where(payment_plans.c.event_id == event_id, payment_plans.c.withdrawn_at.is_(None))
        .order_by(payment_plans.c.id)
    )
    return {number: _plan_from_row(rest) for number, *rest in connection.execute(query)}


def get_plan(connection: Connection, plan_id: int) -> PaymentPlan:
    """Return the payment plan with this id, offered or withdrawn."""
    query = select(*_PLAN_COLUMNS).where(payment_plans.c.id == plan_id)
    return _plan_from_row(list(connection.execute(query).one()))


def _plan_from_row(columns: list[Any]) -> PaymentPlan:
    name, percentages, interval, final_due_before, grace, overdue, tickets = columns
    times = (interval, final_due_before, grace)
    return PaymentPlan(
        name, tuple(percentages), *times, OverduePolicy(overdue), TicketReleasePolicy(tickets)
    )


def insert_instalments(
    connection: Connection, order_id: int, instalments: tuple[Instalment, ...]
) -> None:
    """Store the instalments of a new order; the database refuses a sum other than its total."""
    connection.execute(
        insert(order_instalments),
        [
            {
                "order_id": order_id,
                "sequence": instalment.number,
                "due_at": instalment.due_at,
                "amount": instalment.amount.amount,
            }
            for instalment in instalments
        ],
    )


def list_for_order(connection: Connection, order_id: int) -> tuple[Instalment, ...]:
    """Return the instalments of an order by number; empty if the order is paid at once."""
    query = select(*_INSTALMENT_COLUMNS).where(order_instalments.c.order_id == order_id)
    rows = connection.execute(query.order_by(order_instalments.c.sequence))
    return tuple(_instalment_from_row(row) for row in rows)


def _instalment_from_row(row: Sequence[Any]) -> Instalment:
    number, due_at, amount, paid_by, paid_at = row
    return Instalment(number, due_at, Rupiah(amount), paid_by, paid_at)


def mark_paid(
    connection: Connection, order_id: int, attempt_by_number: Mapping[int, int], *, at: datetime
) -> None:
    """Record the payment attempt that paid each instalment."""
    for number, attempt_id in attempt_by_number.items():
        _update_instalment(connection, order_id, number, paid_attempt_id=attempt_id, paid_at=at)


def mark_unpaid(connection: Connection, order_id: int, number: int) -> None:
    """Mark an instalment as unpaid again."""
    _update_instalment(connection, order_id, number, paid_attempt_id=None, paid_at=None)


def _update_instalment(
    connection: Connection, order_id: int, number: int, **values: object
) -> None:
    connection.execute(
        update(order_instalments)
        .where(order_instalments.c.order_id == order_id, order_instalments.c.sequence == number)
        .values(**values)
    )


def instalment_reference(order_code: str, number: int) -> str:
    """Return the outbox subject of messages about one instalment."""
    return f"{order_code}/{number}"


def list_due_for_reminder(
    connection: Connection, *, due_by: datetime, limit: int
) -> list[tuple[Order, Instalment]]:
    """Return the next instalments due until `due_by` without a reminder; never the first one."""
    earlier = order_instalments.alias()
    unpaid_before = exists().where(
        earlier.c.order_id == order_instalments.c.order_id,
        earlier.c.sequence < order_instalments.c.sequence,
        earlier.c.paid_attempt_id.is_(None),
    )
    subject = orders_table.c.code + "/" + cast(order_instalments.c.sequence, Text)
    reminded = exists().where(outbox.c.purpose == INSTALMENT_DUE, outbox.c.subject == subject)
    query = (
        select(order_instalments.c.order_id, *_INSTALMENT_COLUMNS)
        .join(orders_table, orders_table.c.id == order_instalments.c.order_id)
        .where(
            orders_table.c.state == OrderState.PENDING,
            orders_table.c.buyer_key != "",
            order_instalments.c.paid_at.is_(None),
            order_instalments.c.sequence > 1,
            order_instalments.c.due_at <= due_by,
            ~unpaid_before,
            ~reminded,
        )
        .order_by(order_instalments.c.order_id, order_instalments.c.sequence)
        .limit(limit)
    )
    return [
        (queries.get(connection, row[0]), _instalment_from_row(row[1:]))
        for row in connection.execute(query)
    ]


def detach_payments(connection: Connection, order_id: int) -> None:
    """Detach the payments from the instalments of an ended order, so that they count as surplus."""
    connection.execute(
        update(order_instalments)
        .where(order_instalments.c.order_id == order_id)
        .values(paid_attempt_id=None)
    )
