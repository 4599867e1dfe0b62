"""A person's answer to a question about an order. One that moves money is planned: plan_refund."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.complete_order import complete
from ticketing.actions.take_part import payers_of_all
from ticketing.domain.errors import ImpossibleTransition, NotOnSale
from ticketing.domain.orders import Flag, Order, OrderState
from ticketing.domain.refund_plans import Asked, Money
from ticketing.store import audit, cancellations, order_flags, order_parts, orders, refunds
from ticketing.store.database import Database

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
        order = orders.lock_by_code(connection, code)
        if order.state is not OrderState.EXPIRED:
            raise ImpossibleTransition(
                f"order {order.code} is {order.state}; only an expired one can be completed late"
            )
        if cancellations.of(connection, order.event_id) is not None:
            raise NotOnSale(f"order {order.code}: its event was called off")
        complete(connection, order, attempt_id=_payer(connection, order, at=at), at=at, by=by)
        for flag in (Flag.PAID_LATE, Flag.PARTS_LEFT):
            order_flags.resolve(connection, order.id, flag, at=at)
        return orders.lock(connection, order.id)


def _payer(connection: Connection, order: Order, *, at: datetime) -> int:
    """The payment that can complete the order; of one in parts the last, when all are there."""
    if order.payment_plan_id is not None:
        payers = payers_of_all(connection, order)
        if not payers:
            raise ImpossibleTransition(f"order {order.code}: not every part is paid")
        order_parts.pay(connection, order.id, payers, at=at)
        return payers[max(payers)]
    paid = [one for one in refunds.payments_of(connection, order.id) if one.left == one.amount]
    if not paid:
        raise ImpossibleTransition(f"order {order.code} has no payment that is all there")
    return paid[0].attempt_id


def note_flag(
    database: Database, code: str, flag: Flag, *, why: str, at: datetime, by: str
) -> None:
    """Somebody has looked, and nothing is to be done; the reason stays in the log."""
    with database.transaction() as connection:
        order = orders.lock_by_code(connection, code)
        order_flags.resolve(connection, order.id, flag, at=at)
        audit.record(
            connection,
            actor=by,
            action="orders.note",
            event_id=order.event_id,
            subject=order.code,
            details={"flag": flag, "why": why},
        )
