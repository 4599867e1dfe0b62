"""Queries for the payment attempts that may still change at the gateway."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select, union

from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import AttemptState, PaymentMeans
from ticketing.platform.db import inbox
from ticketing.platform.db.payment_environment import is_of_this_environment
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.payments import payment_attempts

# the gateway has started these and will end them, however long it takes
_IN_PROGRESS_STATES = (
    AttemptState.PENDING,
    AttemptState.CHALLENGE,
    AttemptState.AUTHORIZED,
    AttemptState.CAPTURED,
)
# these may still change while a checkout session is open or a payment is under way
_RECENTLY_ENDED_STATES = (
    AttemptState.CREATED,
    AttemptState.DENIED,
    AttemptState.FAILED,
    AttemptState.EXPIRED,
    AttemptState.CANCELLED,
)

# after the reservation: no attempt begins later, and the checkout session ends with it
_RECENTLY_ENDED_WINDOW = timedelta(days=2)
# a bank may reverse a payment minutes after it paid, and that notification may be lost too
_REVERSAL_WINDOW = timedelta(hours=3)


def list_unsettled_keys(
    connection: Connection, *, at: datetime, after_id: int, limit: int
) -> list[tuple[int, str]]:
    """Return id and key of the attempts that may still change, one page, ordered by id.

    A reservation can last for a week, so the windows do not begin with the attempt.
    """
    state, is_pending = payment_attempts.c.state, orders.c.state == OrderState.PENDING
    is_recent = or_(is_pending, orders.c.expires_at > at - _RECENTLY_ENDED_WINDOW)
    # a payment that did not complete its order has no other time; an instalment's session is short
    is_undecided = is_pending & payment_attempts.c.instalment_sequence.is_(None)
    paid_at = func.greatest(payment_attempts.c.created_at, orders.c.paid_at)
    reversible = (state == AttemptState.SETTLED) & or_(
        is_undecided, paid_at > at - _REVERSAL_WINDOW
    )
    # of an order that is held because of a notification, however old
    held = payment_attempts.c.key.in_(inbox.select_unsettled_references()) & is_pending
    in_progress = state.in_(_IN_PROGRESS_STATES)
    # by indexes, since nearly all attempts and orders are long past
    candidates = union(
        select(payment_attempts.c.id).where(in_progress),
        select(payment_attempts.c.id).join(orders).where(is_recent),
    )
    query = (
        select(payment_attempts.c.id, payment_attempts.c.key)
        .join(orders, orders.c.id == payment_attempts.c.order_id)
        .where(
            is_of_this_environment(),
            payment_attempts.c.id.in_(candidates),
            payment_attempts.c.id > after_id,
            payment_attempts.c.means == PaymentMeans.GATEWAY,
            or_(in_progress, state.in_(_RECENTLY_ENDED_STATES), reversible, held),
        )
        .order_by(payment_attempts.c.id)
        .limit(limit)
    )
    return [(number, key) for number, key in connection.execute(query)]


def list_pending_orders(
    connection: Connection, *, after_id: int, limit: int
) -> list[tuple[int, str, int]]:
    """Return id, code and number of attempts of the pending orders, one page, ordered by id.

    Those of the box office are left out: nobody pays them at the gateway.
    """
    query = (
        select(orders.c.id, orders.c.code, func.count(payment_attempts.c.id))
        .outerjoin(payment_attempts, payment_attempts.c.order_id == orders.c.id)
        .where(
            is_of_this_environment(),
            orders.c.state == OrderState.PENDING,
            orders.c.at_box_office.is_(False),
            orders.c.id > after_id,
        )
        .group_by(orders.c.id)
        .order_by(orders.c.id)
        .limit(limit)
    )
    return [(number, code, known) for number, code, known in connection.execute(query)]
