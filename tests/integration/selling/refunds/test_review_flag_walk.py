"""Every review flag in every state of an order: staff have an answer, and then the books agree.

The cases come from the enums. A new flag or state fails here until it can be raised and answered.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from sqlalchemy import insert

from simulators.midtrans.server import MidtransSimulator
from ticketing.catalogue import stock_queries
from ticketing.catalogue.payment_plans import offer_plan
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.orders import queries as order_queries
from ticketing.orders import review_flag_queries
from ticketing.orders.instalments import OverduePolicy, PaymentPlan
from ticketing.orders.order import Buyer, OrderState, ReviewFlag, Selection
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types
from ticketing.platform.db.tables.events import events
from ticketing.platform.kernel.errors import TicketingError
from ticketing.platform.kernel.money import ZERO
from ticketing.reporting import sales_checks
from ticketing.selling.cancellation.cancel_event import cancel_event
from ticketing.selling.cancellation.plan_cancellation import plan_cancellation
from ticketing.selling.checkout.cancel_order import cancel_order
from ticketing.selling.checkout.expire_orders import expire_orders
from ticketing.selling.checkout.place_order import PlacedOrder, place_order
from ticketing.selling.ledger.queries import check_ledger_matches_sales
from ticketing.selling.payments import attempt_queries, refund_queries
from ticketing.selling.payments.assign_transaction import apply_assignment, plan_assignment
from ticketing.selling.payments.attempt_queries import PaymentAttempt
from ticketing.selling.payments.complete_order import flag_stuck
from ticketing.selling.payments.midtrans.client import Midtrans
from ticketing.selling.payments.midtrans.snap_request import CheckoutItem, CheckoutRequest
from ticketing.selling.payments.record_payment import record_payment
from ticketing.selling.refunds.outcome import cancel_refund, retry_refund
from ticketing.selling.refunds.refund_plan import RefundRequest, RefundScope
from ticketing.selling.refunds.resolve_flag import (
    complete_late_order,
    dismiss_flag,
    refund_request_for_flag,
)
from ticketing.selling.refunds.send_refunds import send_refunds
from ticketing.selling.refunds.service import apply_refund, plan_refund
from ticketing.selling.review.accept_payment import apply_acceptance, plan_acceptance

F, S = ReviewFlag, OrderState
DAY = timedelta(days=1)
SARI = Buyer("email:sari@example.org", "Sari", "sari@example.org", "")
BUDI = Buyer("email:budi@example.org", "Budi", "budi@example.org", "")
MONTHS_LATER = 60 * DAY

UNREACHABLE = {
    (F.PAID_LATE, S.PENDING): "the reservation has not ended",
    (F.PAID_AFTER_CANCELLING, S.PENDING): "cancelling an event ends its pending orders",
    (F.PAID_AFTER_CANCELLING, S.PAID): "cancelling an event ends its paid orders",
    (F.INSTALMENTS_UNFINISHED, S.PENDING): "the order has not ended",
    (F.INSTALMENTS_UNFINISHED, S.PAID): "completing the order resolves the flag",
}


@dataclass
class Case:
    """One order of an event of its own, and what buyer, gateway and staff do with it."""

    database: Database
    client: Midtrans
    midtrans: MidtransSimulator
    now: datetime
    event: Event
    guest: int
    placed: PlacedOrder
    others: PlacedOrder | None = None
    transaction_id: str = ""

    @property
    def code(self) -> str:
        return self.placed.order.code

    @property
    def who(self) -> dict[str, object]:
        return {"at": self.now, "by": "operator"}

    def state(self) -> OrderState:
        return self.database.run(order_queries.get, self.placed.order.id).state

    def order(self, buyer: Buyer, quantity: int, plan: str | None = None) -> PlacedOrder:
        chosen = [Selection(self.guest, quantity)]
        return place_order(
            self.database, self.event, requested=chosen, buyer=buyer, payment_plan=plan,
            at=self.now, by="web",
        )  # fmt: skip

    def start(self, placed: PlacedOrder | None = None) -> PaymentAttempt:
        with self.database.transaction() as connection:
            order = order_queries.lock(connection, (placed or self.placed).order.id)
            attempt = attempt_queries.get_or_insert_open(connection, order, at=self.now)
        items = (CheckoutItem("ALL", "All of it", attempt.amount, 1),)
        self.client.create_checkout_session(
            CheckoutRequest(attempt.key, items, datetime.now(UTC), 60)
        )
        return attempt

    def record(self, attempt: PaymentAttempt) -> None:
        said = self.client.get_payment_status(attempt.key)
        assert said is not None
        self.database.run(record_payment, attempt, said, at=self.now, by="sensor")

    def push(self, attempt: PaymentAttempt, move: str, method: str = "") -> None:
        self.midtrans.push(attempt.key, move, method)
        self.record(attempt)

    def pay(self, attempt: PaymentAttempt, amount_off: int = 0) -> None:
        self.midtrans.faults.set(amount_off=amount_off)
        self.push(attempt, "pay", "gopay")
        self.midtrans.faults.set(amount_off=0)

    def declined(self) -> PaymentAttempt:
        attempt = self.start()
        self.midtrans.push(attempt.key, "choose", "gopay")
        self.push(attempt, "decline")
        return attempt

    def expire(self, later: timedelta = timedelta(hours=1)) -> None:
        expire_orders(self.database, self.client, at=self.now + later, by="schedule")

    def cancel(self) -> None:
        cancel_order(self.database, self.placed.order.id, at=self.now, by="web")

    def sell_out(self) -> None:
        self.others = self.order(BUDI, 3)

    def refund(self, request: RefundRequest) -> None:
        plan = plan_refund(self.database, self.code, request, **self.who)
        apply_refund(self.database, self.client, self.code, plan_hash=plan.plan_hash, **self.who)

    def with_money(self, state: OrderState) -> PaymentAttempt:
        """Receive money for the order so that it is in this state; return the attempt."""
        attempt = self.start()
        if state is S.EXPIRED:
            self.expire()
            self.sell_out()
        elif state is S.CANCELLED:
            self.cancel()
        self.pay(attempt, amount_off=5_000 if state is S.PENDING else 0)
        return attempt

    def in_instalments(self) -> None:
        self.cancel()
        parts = PaymentPlan("2 parts", (60, 40), 7 * DAY, 3 * DAY, 2 * DAY, OverduePolicy.ASK)
        offer_plan(self.database, self.event, parts, by="operator")
        self.placed = self.order(SARI, 2, "2 parts")

    def paid_late(self, state: OrderState) -> None:
        if state is S.EXPIRED:
            self.with_money(S.EXPIRED)
            return
        first, second = self.declined(), self.start()
        self.expire()
        self.sell_out()
        self.pay(second)
        assert self.others is not None
        cancel_order(self.database, self.others.order.id, at=self.now, by="web")
        self.push(first, "settle")
        if state is S.CANCELLED:
            self.refund(RefundRequest())

    def paid_after_cancelling(self, state: OrderState) -> None:
        if state is S.CANCELLED:
            self.with_money(S.CANCELLED)
            return
        attempt = self.start()
        self.expire()
        fee = {"fee": RefundRequest().fee, "reason": "rain"}
        plan = plan_cancellation(self.database, self.event, **fee, **self.who)
        cancel_event(self.database, self.client, self.event, plan_hash=plan.plan_hash, **self.who)
        self.pay(attempt)

    def paid_twice(self, state: OrderState) -> None:
        if state in {S.PENDING, S.EXPIRED}:
            self.in_instalments()
        first, second = self.declined(), self.start()
        self.pay(second)
        self.push(first, "settle")
        if state is S.CANCELLED:
            self.refund(RefundRequest())
        if state is S.EXPIRED:
            self.expire(20 * DAY)

    def amount_differs(self, state: OrderState) -> None:
        first, second = self.declined(), self.start()
        if state is S.EXPIRED:
            self.expire()
        self.pay(second, amount_off=-5_000)
        if state is S.PAID:
            self.push(first, "settle")
        if state is S.CANCELLED:  # refused before a refund is decided, which is then withdrawn
            self.midtrans.faults.set(refunds_denied=1)
            self.refund(RefundRequest(money=RefundScope.SURPLUS, flag=F.AMOUNT_DIFFERS))
            self.cancel()
            cancel_refund(self.database, self.code, key=None, reason="kept", **self.who)

    def transaction_reused(self, state: OrderState) -> None:
        other = self.order(BUDI, 2)
        holder, first = self.start(other), self.declined()
        self.transaction_id = str(self.midtrans.push(holder.key, "pay", "dana")["transaction_id"])
        said = self.client.get_payment_status(holder.key, [self.transaction_id])
        assert said is not None
        self.database.run(record_payment, holder, said, at=self.now, by="sensor")
        if state is S.PAID:
            self.pay(self.start())
        if state is S.EXPIRED:
            self.expire()
        if state is S.CANCELLED:
            self.cancel()
        statement = replace(said, attempt_key=first.key)
        self.database.run(record_payment, first, statement, at=self.now, by="sensor")

    def money_returned(self, state: OrderState) -> None:
        attempt = self.with_money(state)
        self.midtrans.bank.refund(attempt.key, {"refund_key": f"{attempt.key}-D"})
        self.record(attempt)

    def money_reversed(self, state: OrderState) -> None:
        if state is S.PAID:
            first, second = self.declined(), self.start()
            self.pay(second)
            self.push(first, "settle")
            self.push(first, "reverse")
        else:
            paid = self.with_money(S.PAID if state is S.CANCELLED else state)
            self.push(paid, "reverse")

    def instalments_unfinished(self, state: OrderState) -> None:
        self.in_instalments()
        self.pay(self.start())
        if state is S.CANCELLED:
            self.cancel()
        else:
            self.expire(20 * DAY)

    def stuck(self, state: OrderState) -> None:
        attempt = self.start()
        if state is S.EXPIRED:
            self.expire()
            flag_stuck(self.database, self.placed.order.id, RuntimeError("odd"), at=self.now)
            return
        self.push(attempt, "choose", "gopay")
        self.expire()
        if state is S.PAID:
            self.push(attempt, "settle")
        if state is S.CANCELLED:
            self.cancel()

    def refund_failed(self, state: OrderState) -> None:
        self.with_money(state)
        self.midtrans.faults.set(refunds_denied=1)
        surplus = RefundRequest(money=RefundScope.SURPLUS)
        self.refund(RefundRequest(places=(1,)) if state is S.PAID else surplus)

    # the answers of staff

    def complete(self, _: ReviewFlag, code: str) -> None:
        complete_late_order(self.database, code, **self.who)

    def accept(self, _: ReviewFlag, code: str) -> None:
        plan = plan_acceptance(self.database, code, reason="promo", **self.who)
        apply_acceptance(self.database, code, plan_hash=plan.plan_hash, **self.who)

    def refund_surplus(self, flag: ReviewFlag, code: str) -> None:
        plan = plan_refund(
            self.database, code, refund_request_for_flag(flag, reason="sorry"), **self.who
        )
        apply_refund(self.database, self.client, code, plan_hash=plan.plan_hash, **self.who)

    def return_places(self, flag: ReviewFlag, code: str) -> None:
        plan = plan_refund(self.database, code, RefundRequest(flag=flag), **self.who)
        apply_refund(self.database, self.client, code, plan_hash=plan.plan_hash, **self.who)

    def assign(self, _: ReviewFlag, code: str) -> None:
        plan = plan_assignment(
            self.database, self.client, code, transaction_id=self.transaction_id,
            reason="dashboard", **self.who,
        )  # fmt: skip
        apply_assignment(self.database, self.client, code, plan_hash=plan.plan_hash, **self.who)

    def wait_for_the_gateway(self, _: ReviewFlag, code: str) -> None:
        with self.database.transaction() as connection:
            order = order_queries.get_by_code(connection, code)
            attempt = attempt_queries.list_for_order(connection, order.id)[-1]
        try:
            self.midtrans.push(attempt.key, "time-out")
        except ValueError as error:
            raise TicketingError(str(error)) from error
        self.expire()

    def retry(self, _: ReviewFlag, code: str) -> None:
        retry_refund(self.database, code, key=None, **self.who)
        send_refunds(self.database, self.client, **self.who)

    def note(self, flag: ReviewFlag, code: str) -> None:
        dismiss_flag(self.database, code, flag, reason="looked at", **self.who)

    # what has to be true in the end

    def open_flags(self) -> list[review_flag_queries.OpenReviewFlag]:
        return self.database.run(review_flag_queries.list_open, self.event.id)

    def problems(self) -> list[str]:
        """Return what is wrong with the money, stock and state of the event's orders."""
        with self.database.transaction() as connection:
            found = [str(drift) for drift in stock_queries.list_drifted(connection, self.event.id)]
            found += refund_queries.list_over_refunded_keys(connection, self.event.id)
            for order_id in [
                self.placed.order.id,
                *([self.others.order.id] if self.others else []),
            ]:
                order = order_queries.get(connection, order_id)
                if order.state is S.PENDING:
                    found.append(f"{order.code} is still pending")
                paying = {order.paid_attempt_id} if order.state is S.PAID else set()
                found += [
                    f"{payment.refundable} of {payment.key} is nobody's"
                    for payment in refund_queries.list_payment_balances(connection, order_id)
                    if payment.refundable > ZERO and payment.attempt_id not in paying
                ]
        return found


Raise = Callable[[Case, OrderState], None]
Answer = Callable[[Case, ReviewFlag, str], None]

RAISED_BY: dict[ReviewFlag, Raise] = {
    F.PAID_LATE: Case.paid_late,
    F.PAID_AFTER_CANCELLING: Case.paid_after_cancelling,
    F.PAID_TWICE: Case.paid_twice,
    F.AMOUNT_DIFFERS: Case.amount_differs,
    F.TRANSACTION_REUSED: Case.transaction_reused,
    F.MONEY_RETURNED: Case.money_returned,
    F.MONEY_REVERSED: Case.money_reversed,
    F.INSTALMENTS_UNFINISHED: Case.instalments_unfinished,
    F.STUCK: Case.stuck,
    F.REFUND_FAILED: Case.refund_failed,
}
# as in docs/how-to/orders.md; the first that is not refused is given
ANSWERS: dict[ReviewFlag, tuple[Answer, ...]] = {
    F.PAID_LATE: (Case.complete, Case.refund_surplus, Case.note),
    F.PAID_AFTER_CANCELLING: (Case.refund_surplus, Case.note),
    F.PAID_TWICE: (Case.refund_surplus, Case.note),
    F.AMOUNT_DIFFERS: (Case.accept, Case.refund_surplus, Case.note),
    F.TRANSACTION_REUSED: (Case.assign, Case.note),
    F.MONEY_RETURNED: (Case.return_places, Case.note),
    F.MONEY_REVERSED: (Case.note,),
    F.INSTALMENTS_UNFINISHED: (Case.refund_surplus, Case.note),
    F.STUCK: (Case.wait_for_the_gateway, Case.note),
    F.REFUND_FAILED: (Case.retry,),
}
MAX_ANSWERS = 8


@pytest.fixture
def new_case(
    database: Database, client: Midtrans, midtrans: MidtransSimulator, now: datetime
) -> Callable[[str], Case]:
    """Return a function that creates an event of four places, and Sari's order of two."""

    def create(slug: str) -> Case:
        with database.transaction() as connection:
            connection.execute(
                insert(events).values(
                    slug=slug, name=slug, starts_at=now + 90 * DAY, ends_at=now + 91 * DAY,
                    time_zone="Asia/Jakarta", locale="id", venue="Hall", region="ID",
                )
            )  # fmt: skip
            event = event_queries.get(connection, slug)
            guest = connection.execute(
                insert(ticket_types)
                .values(event_id=event.id, name="Guest", on_sale=True, price=100_000, capacity=4)
                .returning(ticket_types.c.id)
            ).scalar_one()
        placed = place_order(
            database, event, requested=[Selection(guest, 2)], buyer=SARI, at=now, by="web"
        )
        return Case(database, client, midtrans, now, event, guest, placed)

    return create


def _answer(case: Case, raised: review_flag_queries.OpenReviewFlag) -> None:
    """Give the first answer to a flag that is not refused."""
    refusals = []
    for answer in ANSWERS[raised.flag]:
        try:
            answer(case, raised.flag, raised.order_code)
        except TicketingError as error:
            refusals.append(str(error))
        else:
            return
    pytest.fail(f"{raised.flag} has no answer: {refusals}")


def _answer_all(case: Case) -> None:
    for _ in range(MAX_ANSWERS):
        if case.open_flags():
            _answer(case, case.open_flags()[0])


def _walk(case: Case, flag: ReviewFlag, state: OrderState) -> list[str]:
    """Raise the flag in the state, answer every open flag; return what is wrong then."""
    RAISED_BY[flag](case, state)
    raised = {one.flag for one in case.open_flags() if one.order_code == case.code}
    if flag not in raised or case.state() is not state:
        return [f"the order is {case.state()} with {sorted(raised)}"]
    _answer_all(case)
    case.expire(MONTHS_LATER)
    _answer_all(case)  # an unfinished order may raise another question by its end
    return [*case.problems(), *(str(one) for one in case.open_flags())]


def test_every_review_flag_in_every_state_has_an_answer_after_which_the_books_agree(
    database: Database, new_case: Callable[[str], Case]
) -> None:
    wrong = {}
    for flag, state in product(ReviewFlag, OrderState):
        if (flag, state) in UNREACHABLE:
            continue
        found = _walk(new_case(f"{flag}-{state}".replace("_", "-")), flag, state)
        wrong |= {f"{flag} {state}": found} if found else {}

    assert wrong == {}
    assert check_ledger_matches_sales(database).violations == []
    assert sales_checks.check_unallocated_money(database).violations == []
    assert sales_checks.check_duplicate_payments(database).violations == []
