"""A person's answer to a question about an order. One that moves money is planned: plan_refund."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import cancelled_events, flag_queries, instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, NotOnSale
from ticketing.selling.payments import refund_queries
from ticketing.selling.payments.complete_order import complete
from ticketing.selling.payments.instalment_payment import payers_of_all
from ticketing.selling.refunds.refund_plan import Asked, Money

SURPLUS = {Flag.PAID_LATE, Flag.PAID_AFTER_CANCELLING, Flag.PAID_TWICE, Flag.PARTS_LEFT}


def refund_for(flag: Flag, *, reason: str) -> Asked:
    """What to refund to answer a question: the money that pays for nothing, without a fee."""
    if flag not in SURPLUS:
        raise ImpossibleTransition(
            f"{flag} has no refund of its own; `ticketing refund plan` says which one you want"
        )
    return Asked(money=Money.SURPLUS, reason=reason, flag=flag)


def complete_late(database: Database, code: str, *, at: datetime, by: str) -> Order:
    """Sell the places of an order that was paid after its time. Refuses when too few are left."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        if order.state is not OrderState.EXPIRED:
            raise ImpossibleTransition(
                f"order {order.code} is {order.state}; only an expired one can be completed late"
            )
        if cancelled_events.of(connection, order.event_id) is not None:
            raise NotOnSale(f"order {order.code}: its event was called off")
        complete(connection, order, attempt_id=_payer(connection, order, at=at), at=at, by=by)
        for flag in (Flag.PAID_LATE, Flag.PARTS_LEFT):
            flag_queries.resolve(connection, order.id, flag, at=at)
        return order_queries.lock(connection, order.id)


def _payer(connection: Connection, order: Order, *, at: datetime) -> int:
    """The payment that can complete the order; of one in parts the last, when all are there."""
    if order.payment_plan_id is not None:
        payers = payers_of_all(connection, order)
        if not payers:
            raise ImpossibleTransition(f"order {order.code}: not every part is paid")
        instalment_queries.pay(connection, order.id, payers, at=at)
        return payers[max(payers)]
    paid = [
        one for one in refund_queries.payments_of(connection, order.id) if one.left == one.amount
    ]
    if not paid:
        raise ImpossibleTransition(f"order {order.code} has no payment that is all there")
    return paid[0].attempt_id


def note_flag(
    database: Database, code: str, flag: Flag, *, why: str, at: datetime, by: str
) -> None:
    """Somebody has looked, and nothing is to be done; the reason stays in the log."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        flag_queries.resolve(connection, order.id, flag, at=at)
        audit_log.record(
            connection,
            actor=by,
            action="orders.note",
            event_id=order.event_id,
            subject=order.code,
            details={"flag": flag, "why": why},
        )
