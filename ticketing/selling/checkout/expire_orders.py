"""Orders whose time is up: their places are free again, unless the gateway may still take money.

The gateway is asked before anything is given away, outside of any transaction. An order without a
clear answer keeps its places and is flagged; the next run asks again. Payment pages of orders that
have ended are closed at last, so that an old tab cannot pay.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from ticketing.orders import flag_queries, instalment_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.instalments import LOST, next_unpaid
from ticketing.orders.order import Flag, Order, OrderState
from ticketing.orders.payment_attempt import AtDeadline, AttemptState, Statement, at_deadline
from ticketing.platform.db import audit_log
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import Unavailable
from ticketing.selling.checkout.cancel_order import end_parts, give_back
from ticketing.selling.payments import attempt_queries
from ticketing.selling.payments.attempt_queries import Attempt
from ticketing.selling.payments.complete_order import ask_a_person
from ticketing.selling.payments.expire_checkout_sessions import PageKeeper, close_pages
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.payments.settle import Gateway

CHUNK = 100


class Cashier(Gateway, PageKeeper, Protocol):
    """A payment gateway, as far as expiring needs one."""


@dataclass(frozen=True, slots=True)
class Expiry:
    """How the orders ended: given up, paid after all, or stuck until the gateway is clear."""

    expired: int
    left: int
    stuck: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What asking about one attempt brought; None when it brought nothing that can be relied on."""

    attempt: Attempt
    state: AttemptState | None
    statement: Statement | None


def expire_orders(
    database: Database, gateway: Cashier, *, at: datetime, by: str, chunk: int = CHUNK
) -> Expiry:
    """End every order whose time is up; safe to repeat, to run twice at once, and to kill."""
    ends = Counter(
        _end_of(database, gateway, order_id, at=at, by=by)
        for order_id in _out_of_time(database, at=at, chunk=chunk)
    )
    result = Expiry(
        expired=ends[AtDeadline.EXPIRE], left=ends[AtDeadline.LEAVE], stuck=ends[AtDeadline.STUCK]
    )
    if ends:
        with database.transaction() as connection:
            audit_log.record(
                connection,
                actor=by,
                action="orders.expire",
                items=result.expired,
                details={"left": result.left, "stuck": result.stuck},
            )
    close_pages(database, gateway, at=at, by=by)
    return result


def _out_of_time(database: Database, *, at: datetime, chunk: int) -> Iterator[int]:
    last = 0
    while True:
        with database.transaction() as connection:
            page = order_queries.out_of_time(connection, at=at, after=last, limit=chunk)
        if not page:
            return
        yield from page
        last = page[-1]


def _end_of(
    database: Database, gateway: Gateway, order_id: int, *, at: datetime, by: str
) -> AtDeadline:
    """End one order; whatever goes wrong with it is in its flag and stops no other."""
    try:
        with database.transaction() as connection:
            attempts = attempt_queries.of_order(connection, order_id)
        answers = [_ask(gateway, attempt) for attempt in attempts]
        with database.transaction() as connection:
            return _close(connection, order_id, answers, at=at, by=by)
    except Exception as error:  # noqa: BLE001 - one order's failure must not stop the others
        with database.transaction() as connection:
            order = order_queries.lock(connection, order_id)
            said = f"{type(error).__name__}: {error}"
            ask_a_person(connection, order, Flag.STUCK, said, at=at)
        return AtDeadline.STUCK


def _ask(gateway: Gateway, attempt: Attempt) -> _Answer:
    try:
        statement = gateway.statement(attempt.key)
    except Unavailable:
        return _Answer(attempt, None, None)
    if statement is not None:
        return _Answer(attempt, statement.state, statement)
    # a gateway knows an attempt once the buyer chose how to pay; forgetting it later is no answer
    never_used = attempt.state is AttemptState.CREATED or attempt.state.has_failed
    return _Answer(attempt, attempt.state if never_used else None, None)


def _close(
    connection: Connection, order_id: int, answers: list[_Answer], *, at: datetime, by: str
) -> AtDeadline:
    """Write down what was said, then judge; somebody may have paid or cancelled meanwhile."""
    order_queries.lock(connection, order_id)
    for answer in answers:
        if answer.statement is not None:
            record_payment(connection, answer.attempt, answer.statement, at=at, by=by)
    order = order_queries.lock(connection, order_id)
    verdict = at_deadline(answer.state for answer in _about_what_is_due(connection, order, answers))
    if order.state is not OrderState.PENDING or order.expires_at > at:
        verdict = AtDeadline.LEAVE
    _carry_out(connection, order, verdict, at=at, by=by)
    return verdict


def _about_what_is_due(
    connection: Connection, order: Order, answers: list[_Answer]
) -> list[_Answer]:
    """All answers; of an order paid in parts those about the next one, which may still be paid."""
    if order.payment_plan_id is None:
        return answers
    due = next_unpaid(instalment_queries.of_order(connection, order.id))
    return [
        answer
        for answer in answers
        if due is not None and answer.attempt.part == due.number and answer.state not in LOST
    ]


def _carry_out(
    connection: Connection, order: Order, verdict: AtDeadline, *, at: datetime, by: str
) -> None:
    if verdict is AtDeadline.STUCK:
        said = "out of time, and the gateway gives no clear answer"
        ask_a_person(connection, order, Flag.STUCK, said, at=at)
        return
    flag_queries.resolve(connection, order.id, Flag.STUCK, at=at)
    if verdict is AtDeadline.EXPIRE:
        ended = give_back(connection, order, OrderState.EXPIRED, at=at)
        end_parts(connection, ended, at=at, by=by)
