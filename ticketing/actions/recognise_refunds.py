"""Refunds that the gateway tells of: ours have come about, others were made in its dashboard."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.domain.money import NOTHING, Rupiah, total
from ticketing.domain.payments import AttemptState, Statement
from ticketing.domain.refunds import Channel, RefundState
from ticketing.store import refunds
from ticketing.store.payments import Attempt

_REFUNDED = {AttemptState.REFUNDED, AttemptState.PARTLY_REFUNDED}


def recognise_refunds(
    connection: Connection, attempt: Attempt, statement: Statement, *, at: datetime, by: str
) -> Rupiah:
    """Write down what of an attempt went back; gives how much of that we had asked for.

    The order is locked. Safe to repeat: a refund is known by its key, or its place in the list.
    """
    if statement.refunded == NOTHING and not statement.refunds:
        return NOTHING
    known = {one.key: one for one in refunds.of_order(connection, attempt.order_id)}
    for place, told in enumerate(statement.refunds, start=1):
        mine = known.get(told.key)
        if mine is None and told.amount > NOTHING:
            key = told.key or f"{attempt.key}/{place}"
            refunds.note_elsewhere(connection, attempt, key=key, amount=told.amount, by=by, at=at)
        elif mine is not None and mine.state is not RefundState.DONE:
            refunds.move(connection, mine, RefundState.DONE, at=at)
    come_about = {RefundState.DONE} if statement.refunds else {RefundState.DONE, RefundState.SENT}
    return total(
        one.amount
        for one in refunds.of_order(connection, attempt.order_id)
        if one.attempt_id == attempt.id
        and one.channel is Channel.GATEWAY
        and one.state in come_about
    )


def is_explained(attempt: Attempt, ours: Rupiah) -> bool:
    """Whether nothing went back but what we had asked for."""
    return attempt.state in _REFUNDED and NOTHING < attempt.refunded <= ours
