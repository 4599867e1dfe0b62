"""Effects of payments, reversals and review flags on an order, each in one transaction.

The caller has locked the order. Every effect has its own key, so none happens twice.
"""

from datetime import datetime

from sqlalchemy import Connection

from ticketing.catalogue import promo_queries, stock_queries
from ticketing.events import queries as event_queries
from ticketing.events.model import BuyerNotices, LatePayments
from ticketing.orders import audit, place_guest_queries, review_flag_queries
from ticketing.orders import queries as order_queries
from ticketing.orders.buyer_notices import notice_addresses, notice_payload
from ticketing.orders.order import Buyer, Order, OrderState, ReviewFlag
from ticketing.orders.place_guest import PlaceGuest
from ticketing.platform.db import outbox
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import BuyerUnknown, PromoRefused, SoldOut
from ticketing.platform.kernel.money import ZERO
from ticketing.selling.payments import entitlement_queries
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.tickets.issuing import ticket_write_queries
from ticketing.vouchers import transition_queries
from ticketing.vouchers.allocate import allocate_vouchers

PAYMENT_REVERSED_REASON = "the bank reversed the payment"
# every run that finds the same raises them again, also after staff have resolved them
REPEATED_FLAGS = (ReviewFlag.STUCK, ReviewFlag.TRANSACTION_REUSED)
LATE_PAYMENT_FLAGS = (ReviewFlag.PAID_LATE, ReviewFlag.PAID_AFTER_CANCELLING)


def complete_order(
    connection: Connection, order: Order, *, attempt_id: int | None, at: datetime, by: str
) -> None:
    """Mark an order as paid: sell its places, entitle the buyer, enqueue the messages."""
    if order.buyer is None:
        raise BuyerUnknown(f"order {order.code} has no buyer yet")
    if not order_queries.claim_effect(connection, order.id, "complete", at=at):
        return
    lines = order_queries.list_lines(connection, order.id)
    if order.state is OrderState.PENDING:
        stock_queries.confirm(connection, lines)
    else:
        stock_queries.sell_unreserved(connection, lines)
        promo_queries.redeem_again(connection, order.id)
    order_queries.update_state(connection, order, OrderState.PAID, at=at)
    if attempt_id is not None:
        order_queries.set_paid_attempt(connection, order.id, attempt_id)
    enqueue_message(connection, order, outbox.ORDER_PAID, outbox.ORGANISER)
    outbox.withdraw(connection, purpose=outbox.ORDER_PLACED, subject=order.code)
    if order.total > ZERO:
        notify_buyer(connection, order, outbox.PAYMENT_RECEIVED)
    places = entitle_buyer(connection, order, order.buyer) + allocate_vouchers(
        connection, order, at=at
    )
    audit.record(connection, order, by, "orders.pay", items=places)


def entitle_buyer(connection: Connection, order: Order, buyer: Buyer) -> int:
    """Grant the buyer the places and enqueue the tickets; safe to repeat for instalments."""
    if order.payment_plan_id is not None:  # the first instalment may have granted them
        restored = entitlement_queries.restore(connection, order.id)
        if restored.withdrawn:  # their tickets were revoked
            _enqueue_tickets(connection, order, buyer)
        if restored.places:
            return restored.places
    places = entitlement_queries.grant(connection, order, buyer)
    if places:
        _enqueue_tickets(connection, order, buyer)
    return places


def _enqueue_tickets(connection: Connection, order: Order, buyer: Buyer) -> None:
    for guest in place_guest_queries.list_given(connection, order.id):
        enqueue_guest_ticket(connection, order, guest)
    enqueue_confirmation(connection, order, buyer)


def enqueue_confirmation(connection: Connection, order: Order, buyer: Buyer) -> None:
    """Add another message with all tickets of a locked order to the outbox.

    Buyers at the box office may have left no address; they get their tickets there.
    """
    if not buyer.contact:
        return
    message = {"purpose": outbox.ORDER_CONFIRMATION, "subject": order.code}
    outbox.enqueue(
        connection, **message, event_id=order.event_id, recipient=buyer.contact,
        payload={"order": order.code, "total": order.total.amount},
        revision=outbox.next_revision(connection, **message, recipient=buyer.contact),
    )  # fmt: skip


def enqueue_guest_ticket(connection: Connection, order: Order, guest: PlaceGuest) -> None:
    """Add the ticket of a guest with an own address to the outbox; the order is locked."""
    if not guest.email:
        return
    revision = outbox.next_revision(
        connection, purpose=outbox.GUEST_TICKET, subject=order.code, recipient=guest.email
    )
    outbox.enqueue(
        connection,
        event_id=order.event_id,
        purpose=outbox.GUEST_TICKET,
        subject=order.code,
        recipient=guest.email,
        payload={"order": order.code, **guest.place._asdict()},
        revision=revision,
    )


def complete_order_if_in_stock(
    connection: Connection, order: Order, attempt: PaymentAttempt, *, at: datetime, by: str
) -> None:
    """Sell the places again for a late payment; flag the order if they are not available.

    It is also flagged if staff decide about all late payments of the event.
    """
    if _get_late_payments(connection, order) is LatePayments.REVIEW:
        problem = "paid after the deadline"
        flag_payment(connection, order, attempt, ReviewFlag.PAID_LATE, problem, at=at)
        return
    try:
        with connection.begin_nested():
            complete_order(connection, order, attempt_id=attempt.id, at=at, by=by)
    except (SoldOut, PromoRefused) as error:
        problem = f"paid after the deadline: {error}"
        flag_payment(connection, order, attempt, ReviewFlag.PAID_LATE, problem, at=at)


def reverse_order(
    connection: Connection,
    order: Order,
    *,
    reason: str = PAYMENT_REVERSED_REASON,
    at: datetime,
    by: str,
) -> None:
    """Cancel an order whose payment was reversed: release places, revoke tickets, send messages."""
    if not order_queries.claim_effect(connection, order.id, "reverse", at=at):
        return
    order_queries.update_state(connection, order, OrderState.CANCELLED, at=at)
    stock_queries.return_sold(connection, order_queries.list_remaining_lines(connection, order.id))
    promo_queries.release(connection, order.id, at=at)
    live_ticket_ids = entitlement_queries.withdraw_order(connection, order.id)
    revoked = len(
        ticket_write_queries.mark_revoked(connection, live_ticket_ids, reason=reason, at=at)
    )
    revoked += transition_queries.revoke_of_order(
        connection, order.id, reason=transition_queries.REVERSED, at=at
    )
    flag_for_review(connection, order, ReviewFlag.MONEY_REVERSED, reason, at=at)
    notify_buyer(connection, order, outbox.ORDER_REVERSED, is_required=True)
    audit.record(connection, order, by, "orders.reverse", items=revoked)


def _get_late_payments(connection: Connection, order: Order) -> LatePayments:
    return LatePayments(event_queries.get(connection, str(order.event_id)).late_payments)


def flag_for_review(
    connection: Connection,
    order: Order,
    flag: ReviewFlag,
    message: str,
    *,
    attempt_id: int | None = None,
    reopen: bool = False,
    at: datetime,
) -> None:
    """Raise a review flag on the order and notify the organiser, unless a refund answers it.

    A resolved one with the same message is raised again, unless every run finds the same and the
    caller does not insist (`reopen`).
    """
    review_flag_queries.raise_flag(
        connection,
        order.id,
        flag,
        message,
        attempt_id=attempt_id,
        reopen=reopen or flag not in REPEATED_FLAGS,
        at=at,
    )
    if not _is_refunded_automatically(connection, order, flag):
        notify_of_flag(connection, order, flag)


def flag_payment(
    connection: Connection,
    order: Order,
    attempt: PaymentAttempt,
    flag: ReviewFlag,
    problem: str,
    *,
    at: datetime,
) -> None:
    """Raise a review flag about one payment of the order, see `flag_for_review`."""
    message = f"{attempt.key}: {problem}"
    flag_for_review(connection, order, flag, message, attempt_id=attempt.id, at=at)


def _is_refunded_automatically(connection: Connection, order: Order, flag: ReviewFlag) -> bool:
    """Return whether a refund answers the flag; a payment plan decides about its instalments."""
    if flag not in LATE_PAYMENT_FLAGS or order.payment_plan_id is not None:
        return False
    return _get_late_payments(connection, order) is LatePayments.REFUND


def notify_of_flag(connection: Connection, order: Order, flag: ReviewFlag) -> None:
    """Add a message about a review flag to the organiser to the outbox, once per flag."""
    enqueue_message(connection, order, f"order.{flag}", outbox.ORGANISER)


def flag_stuck(
    database: Database, order_id: int, error: Exception, *, problem: str = "", at: datetime
) -> str:
    """Flag an order for the error that stopped its processing; return the message."""
    message = f"{problem}: " if problem else ""
    message += f"{type(error).__name__}: {error}"
    with database.transaction() as connection:
        order = order_queries.lock(connection, order_id)
        flag_for_review(connection, order, ReviewFlag.STUCK, message, at=at)
    return message


def notify_buyer(
    connection: Connection,
    order: Order,
    purpose: str,
    *,
    subject: str = "",
    is_required: bool = False,
    **payload: object,
) -> None:
    """Add a notice about the order to the outbox, to the addresses that the event chooses.

    The subject is the order, unless there can be several notices of this purpose about it.
    """
    if order.buyer is None:
        return
    event = event_queries.get(connection, str(order.event_id))
    choice = BuyerNotices(event.buyer_notices)
    addresses = notice_addresses(choice, order.buyer, is_required=is_required)
    for address in addresses:
        outbox.enqueue(
            connection, event_id=order.event_id, purpose=purpose, subject=subject or order.code,
            recipient=address, payload=notice_payload(order.code, addresses) | payload,
        )  # fmt: skip


def enqueue_message(
    connection: Connection, order: Order, purpose: str, recipient: str, **payload: object
) -> None:
    """Add a message about the order to the outbox."""
    outbox.enqueue(
        connection,
        event_id=order.event_id,
        purpose=purpose,
        subject=order.code,
        recipient=recipient,
        payload={"order": order.code, "total": order.total.amount} | payload,
    )
