"""What a person says of a refund that the gateway cannot make: transferred, once more, not owed."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import Connection

from ticketing.actions.refund_outcome import answer_if_none_failed, money_went_back
from ticketing.domain.errors import RefundRefused
from ticketing.domain.events import Event
from ticketing.domain.orders import Order
from ticketing.domain.refunds import Refund, RefundState
from ticketing.store import audit, orders, payments, refunds
from ticketing.store.database import Database

_BY_HAND = {RefundState.MANUAL, RefundState.FAILED}


def transferred(
    database: Database, code: str, *, key: str | None, reference: str, at: datetime, by: str
) -> Refund:
    """A person transferred the money; the same said again changes nothing."""
    with database.transaction() as connection:
        order = orders.lock_by_code(connection, code)
        refund = _found(connection, order, key, _BY_HAND | {RefundState.DONE})
        if refund.state is RefundState.DONE:
            if refund.reference != reference:
                raise RefundRefused(f"refund {refund.key} has gone back already")
            return refund
        refunds.transfer(connection, refund, reference=reference, at=at)
        money_went_back(connection, refund, at=at)
        _record(connection, order, refund, "refunds.transferred", by=by, why=reference)
        return refunds.by_id(connection, refund.id)


def retry(database: Database, code: str, *, key: str | None, at: datetime, by: str) -> Refund:
    """Let the gateway be asked again for a refund that it refused; `send_refunds` asks."""
    with database.transaction() as connection:
        order = orders.lock_by_code(connection, code)
        refund = _found(connection, order, key, {RefundState.FAILED})
        payment = next(
            one
            for one in refunds.payments_of(connection, order.id)
            if one.attempt_id == refund.attempt_id
        )
        # the failed one is counted among what is gone: it is still owed
        if payment.gone > payment.taken:
            raise RefundRefused(
                f"refund {refund.key}: {payment.gone} of {payment.taken} would go back together;"
                " drop this one"
            )
        attempt = payments.by_id(connection, refund.attempt_id)
        refunds.decide_again(connection, refund, attempt, at=at)
        answer_if_none_failed(connection, order.id, at=at)
        _record(connection, order, refund, "refunds.retry", by=by)
        return refunds.by_id(connection, refund.id)


def retry_all(database: Database, event: Event, *, at: datetime, by: str) -> list[Refund]:
    """The same for every refund of the event that failed; those that would be too much stay."""
    with database.transaction() as connection:
        failed = [
            one
            for one in refunds.owed(connection, event.id)
            if one.refund.state is RefundState.FAILED
        ]
    again = []
    for one in failed:
        with suppress(RefundRefused):  # too much by now, or somebody was quicker
            again.append(retry(database, one.order_code, key=one.refund.key, at=at, by=by))
    return again


def drop(
    database: Database, code: str, *, key: str | None, reason: str, at: datetime, by: str
) -> Refund:
    """The money is not owed after all; places and tickets stay as they are."""
    with database.transaction() as connection:
        order = orders.lock_by_code(connection, code)
        refund = _found(connection, order, key, _BY_HAND)
        refunds.move(connection, refund, RefundState.DROPPED, at=at, said=reason)
        answer_if_none_failed(connection, order.id, at=at)
        _record(connection, order, refund, "refunds.drop", by=by, why=reason)
        return refunds.by_id(connection, refund.id)


def _found(
    connection: Connection, order: Order, key: str | None, states: set[RefundState]
) -> Refund:
    """The refund of that key, or the only one that this can be said of."""
    known = refunds.of_order(connection, order.id)
    fitting = [one for one in known if one.state in states and key in {None, one.key}]
    if key is None:
        fitting = [one for one in fitting if one.state.is_owed] or fitting
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(f"{one.key} is {one.state}" for one in known) or "there are none"
    raise RefundRefused(f"order {order.code}: say which refund ({listed})")


def _record(
    connection: Connection, order: Order, refund: Refund, action: str, *, by: str, why: str = ""
) -> None:
    audit.record(
        connection,
        actor=by,
        action=action,
        event_id=order.event_id,
        subject=order.code,
        items=1,
        details={"refund": refund.key, "amount": refund.amount.amount, "why": why},
    )
