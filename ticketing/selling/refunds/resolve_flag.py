"""Resolve review flags. Answers that move money are planned as refunds, see `service.py`."""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.orders import audit, cancellation_queries, instalment_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.order import Order, OrderState, ReviewFlag
from ticketing.orders.refund import PaymentBalance
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import ImpossibleTransition, NotOnSale
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.complete_order import complete_order
from ticketing.selling.payments.instalment_payment import find_instalment_payers
from ticketing.selling.payments.record_payment import flag_differing_amount
from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope

SURPLUS_FLAGS = {
    ReviewFlag.PAID_LATE,
    ReviewFlag.PAID_AFTER_CANCELLING,
    ReviewFlag.PAID_TWICE,
    ReviewFlag.AMOUNT_DIFFERS,
    ReviewFlag.INSTALMENTS_UNFINISHED,
}


def refund_request_for_flag(
    flag: ReviewFlag, *, reason: str, by_hand: bool = False
) -> RefundRequest:
    """Return the refund request that resolves a flag: the surplus, without a fee."""
    if flag not in SURPLUS_FLAGS:
        raise ImpossibleTransition(
            f"{flag} cannot be resolved by a refund; choose one with `ticketing refunds plan`"
        )
    return RefundRequest(money=RefundScope.SURPLUS, reason=reason, flag=flag, by_hand=by_hand)


def complete_late_order(database: Database, code: str, *, at: datetime, by: str) -> Order:
    """Complete an order that was paid late. Refuses when too few places are left."""
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        if order.state is not OrderState.EXPIRED:
            raise ImpossibleTransition(
                f"order {order.code} is {order.state}; only an expired one can be completed late"
            )
        if cancellation_queries.find(connection, order.event_id) is not None:
            raise NotOnSale(f"order {order.code}: its event was cancelled")
        complete_late(connection, order, at=at, by=by)
        return order_queries.lock(connection, order.id)


def complete_late(
    connection: Connection, order: Order, *, accepted: int | None = None, at: datetime, by: str
) -> None:
    """Complete a locked expired order; `accepted` is an attempt of another amount that pays."""
    attempt_id = _find_paying_attempt(connection, order, accepted, at=at)
    complete_order(connection, order, attempt_id=attempt_id, at=at, by=by)
    for flag in (ReviewFlag.PAID_LATE, ReviewFlag.INSTALMENTS_UNFINISHED):
        review_flag_queries.resolve_flag(connection, order.id, flag, at=at)


def _find_paying_attempt(
    connection: Connection, order: Order, accepted: int | None, *, at: datetime
) -> int:
    """Return the payment that can complete the order; of instalments the last, if all are paid."""
    if order.payment_plan_id is not None:
        payers = find_instalment_payers(connection, order, accepted=accepted)
        if not payers:
            raise ImpossibleTransition(f"order {order.code}: not every instalment is paid")
        instalment_queries.mark_paid(connection, order.id, payers, at=at)
        return payers[max(payers)]
    if accepted is not None:
        return accepted
    paid = [
        one
        for one in refund_queries.list_payment_balances(connection, order.id)
        if one.pays_in_full
    ]
    if not paid:
        raise ImpossibleTransition(f"order {order.code} has no payment without refunds")
    return paid[0].attempt_id


def list_undecided_payments(connection: Connection, order: Order) -> list[PaymentBalance]:
    """Return the payments of another amount that pay nothing and are not refunded completely."""
    instalments = instalment_queries.list_for_order(connection, order.id)
    paying = {order.paid_attempt_id, *(each.paid_by for each in instalments)}
    return [
        payment
        for payment in refund_queries.list_payment_balances(connection, order.id)
        if payment.refundable > ZERO
        and not payment.is_requested_amount
        and payment.attempt_id not in paying
    ]


def flag_undecided_payments(connection: Connection, order: Order, *, at: datetime) -> None:
    """Raise the flag about payments of another amount, if there are any to be decided about."""
    undecided = list_undecided_payments(connection, order)
    for payment in undecided[-1:]:  # one flag asks about all of them
        attempt = attempt_queries.get(connection, payment.attempt_id)
        flag_differing_amount(connection, order, attempt, at=at)


def dismiss_flag(
    database: Database, code: str, flag: ReviewFlag, *, reason: str, at: datetime, by: str
) -> None:
    """Resolve a flag without action; the reason is stored in the audit log.

    Refuses while a payment of another amount pays for nothing: it would be kept, and a pending
    order held for ever. The note about one that pays its order accepts the amount.
    """
    with database.transaction() as connection:
        order = order_queries.lock_by_code(connection, code)
        is_about_amount = flag is ReviewFlag.AMOUNT_DIFFERS and order.state is not OrderState.PAID
        if is_about_amount and list_undecided_payments(connection, order):
            can_pay = order.state is not OrderState.CANCELLED
            raise ImpossibleTransition(
                f"order {order.code} is {order.state} and has a payment of another amount;"
                f" {'accept or refund' if can_pay else 'refund'} it"
            )
        if flag is ReviewFlag.AMOUNT_DIFFERS:
            attempt_queries.update_accepted_difference(connection, order.id)
        review_flag_queries.resolve_flag(connection, order.id, flag, at=at)
        audit.record(
            connection, order, by, "orders.resolve_flag", details={"flag": flag, "reason": reason}
        )
