"""How a refund ended, written down with what follows: the order's sum, and who has to look.

Somebody else may have been quicker, the gateway's own notice for one: then nothing is left to do.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.complete_order import ask_a_person
from ticketing.domain.orders import Flag
from ticketing.domain.refunds import Refund, RefundState
from ticketing.store import order_flags, orders, payments, refunds

MOST_TRIES = 30  # asked every hour, more than a day: by then a card's payment is settled


def refund_done(connection: Connection, refund: Refund, *, at: datetime) -> RefundState:
    """The gateway sent the money back; safe to repeat."""
    orders.lock(connection, refund.order_id)
    now = refunds.by_id(connection, refund.id)
    if now.state is not RefundState.DONE:
        refunds.move(connection, now, RefundState.DONE, at=at)
        attempt = payments.by_id(connection, refund.attempt_id)
        told = refunds.through_gateway_of(connection, attempt)
        payments.write(connection, replace(attempt, refunded=told), at=at)
        money_went_back(connection, refund, at=at)
    return RefundState.DONE


def money_went_back(connection: Connection, refund: Refund, *, at: datetime) -> None:
    """What follows of any refund that has come about, however."""
    returned = refunds.returned_of(connection, refund.order_id)
    orders.set_refunded(connection, refund.order_id, returned)
    answer_if_none_failed(connection, refund.order_id, at=at)


def refund_failed(
    connection: Connection, refund: Refund, said: str, *, at: datetime
) -> RefundState:
    """The gateway will not: the money is still owed, and a person decides how it goes back."""
    order = orders.lock(connection, refund.order_id)
    now = refunds.by_id(connection, refund.id)
    if now.state not in {RefundState.REQUESTED, RefundState.SENT}:
        return now.state
    refunds.move(connection, now, RefundState.FAILED, at=at, said=said)
    ask_a_person(connection, order, Flag.REFUND_FAILED, f"{refund.key}: {said}", at=at)
    return RefundState.FAILED


def refund_waits(connection: Connection, refund: Refund, said: str, *, at: datetime) -> None:
    """Nobody knows yet, or it is too early: the next run asks again. A person is told at last."""
    order = orders.lock(connection, refund.order_id)
    refunds.release(connection, refund, said=said)
    if refund.tries >= MOST_TRIES:
        message = f"{refund.key}: asked for {MOST_TRIES} times: {said}"
        ask_a_person(connection, order, Flag.REFUND_FAILED, message, at=at)


def answer_if_none_failed(connection: Connection, order_id: int, *, at: datetime) -> None:
    """Put the question of failed refunds to rest once there is none any more."""
    known = refunds.of_order(connection, order_id)
    if all(one.state is not RefundState.FAILED for one in known):
        order_flags.resolve(connection, order_id, Flag.REFUND_FAILED, at=at)
