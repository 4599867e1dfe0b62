"""Giving up a pending order: its places and its promo code are free again, once.

An order that ended before all of its parts were paid: what becomes of them, by its plan.

Telling buyers that the next part of their order is due: one message a part.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.orders import instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import Overdue
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.platform.db import audit_log, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition
from ticketing.platform.kernel.money import NOTHING, Rupiah, total
from ticketing.selling.payments import entitlement_queries, refund_queries
from ticketing.selling.payments.complete_order import ask_a_person, tell
from ticketing.selling.refunds.decide_refund import decide_refund
from ticketing.selling.refunds.refund_plan import Asked, Money
from ticketing.selling.refunds.service import planned_for
from ticketing.tickets import ticket_write_queries

REASON = "not all parts were paid"


def end_parts(connection: Connection, order: Order, *, at: datetime, by: str) -> None:
    """Carry the rule out for a locked order that gave its places back; nothing paid, no deed."""
    if order.payment_plan_id is None:
        return
    end_early_places(connection, order, at=at)
    left = total(payment.left for payment in refund_queries.payments_of(connection, order.id))
    if left == NOTHING:
        return
    plan = instalment_queries.plan_of(connection, order.payment_plan_id)
    match plan.overdue:
        case Overdue.KEEP:
            _keep(connection, order, left, by=by)
        case Overdue.REFUND:
            instalment_queries.release(connection, order.id)
            asked = Asked(money=Money.SURPLUS, reason=REASON, flag=Flag.PAID_TWICE)
            planned = planned_for(connection, order, asked, at=at)
            decide_refund(connection, order, planned, at=at, by=by)
        case Overdue.ASK:
            instalment_queries.release(connection, order.id)
            said = f"{left} was paid in parts, and the order has ended"
            ask_a_person(connection, order, Flag.PARTS_LEFT, said, at=at)


def end_early_places(connection: Connection, order: Order, *, at: datetime) -> None:
    """Places that were had before all was paid are had no more, and tickets on them end."""
    live = entitlement_queries.end(connection, order.id, at=at)
    ticket_write_queries.revoke(connection, live, reason=REASON, at=at)


def _keep(connection: Connection, order: Order, left: Rupiah, *, by: str) -> None:
    """What is kept stays what its parts were paid with, and stands in the log."""
    audit_log.record(
        connection,
        actor=by,
        action="orders.keep_parts",
        event_id=order.event_id,
        subject=order.code,
        items=1,
        details={"kept": left.amount},
    )
    if order.buyer is not None:
        recipient = order.buyer.email or order.buyer.phone
        tell(connection, order, "order.parts_kept", recipient, kept=left.amount)


def cancel_order(database: Database, order_id: int, *, at: datetime, by: str) -> Order:
    """Give the places back; safe to repeat. Refuses an order that is paid or has expired.

    `close_pages` ends what it could still be paid on. What a gateway has taken all the same is
    found by settling: money for a cancelled order is flagged for a person.
    """
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        if order.state is OrderState.PAID:
            raise ImpossibleTransition(f"order {order.code} is paid; refund it instead")
        if order.state is not OrderState.CANCELLED:
            order = give_back(connection, order, OrderState.CANCELLED, at=at)
            end_parts(connection, order, at=at, by=by)
            audit_log.record(
                connection,
                actor=by,
                action="orders.cancel",
                event_id=order.event_id,
                subject=order.code,
            )
    return order


def give_back(connection: Connection, order: Order, to: OrderState, *, at: datetime) -> Order:
    """End a locked pending order; the table of moves sees to it that nothing is freed twice."""
    order_queries.move(connection, order, to, at=at)
    stock_queries.release(connection, order_queries.lines_of(connection, order.id))
    promo_queries.release(connection, order.id, at=at)
    return replace(order, state=to)


BEFORE = timedelta(days=3)


CHUNK = 500


def remind_of_parts(database: Database, *, at: datetime) -> int:
    """Leave a message for every part that is due soon and was not told of; safe to repeat."""
    told = 0
    while True:
        with database.transaction() as connection:
            due = instalment_queries.to_remind_of(connection, due_by=at + BEFORE, limit=CHUNK)
            for order, part in due:
                if order.buyer is not None:
                    outbox.add(
                        connection,
                        event_id=order.event_id,
                        purpose=outbox.PART_DUE,
                        subject=instalment_queries.name_of(order.code, part.number),
                        recipient=order.buyer.email or order.buyer.phone,
                        payload={
                            "order": order.code,
                            "part": part.number,
                            "amount": part.amount.amount,
                            "due": part.due_at.isoformat(),
                        },
                    )
        told += len(due)
        if len(due) < CHUNK:
            return told
