"""Payment pages and transactions, and the operations of merchants and buyers on them."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import RLock

from simulators.http import Json
from simulators.midtrans.books import TransactionStore
from simulators.midtrans.charge import Charge
from simulators.midtrans.faults import MidtransFaults
from simulators.midtrans.methods import METHODS
from simulators.midtrans.notifier import Notifier
from simulators.midtrans.refunds import new_refund, refund_response, resolve_refund_amount
from simulators.midtrans.refusals import (
    INVALID,
    NOT_FOUND,
    NOT_MODIFIABLE,
    CoreRefusal,
    SnapRefusal,
)
from simulators.midtrans.snap import SnapSession, create_session, get_object
from simulators.midtrans.transaction import (
    CAPTURE,
    CARD_SETTLEMENT,
    MERCHANT_MOVES,
    REVIEW_EXPIRY,
    WORLD_MOVES,
    StateChange,
    Transaction,
    fee_fields,
    format_amount,
    format_time,
)
from simulators.timeline import Timeline

_CARD_LIFETIME = timedelta(minutes=15)
_METHOD_LIFETIME = timedelta(days=1)
_BANK_CONFIRMS_SECONDS = 0.2
_REUSABLE = {"expire", "deny", "failure", "cancel"}  # an order id can be used again after these
_CARD_SETTLEMENT_DELAY = timedelta(days=1)  # until settlement, or the end of a review
_MESSAGES = {
    "cancel": "Success, transaction is canceled",
    "expire": "Success, transaction has expired",
    "approve": "Success, transaction is approved",
    "deny": "Success, transaction is denied",
}


class Bank:
    """State of the simulator, guarded by one lock."""

    def __init__(
        self,
        server_key: str,
        *,
        faults: MidtransFaults,
        notifier: Notifier,
        timeline: Timeline,
        clock: Callable[[], datetime],
        speed: float,
        draw: random.Random,
    ) -> None:
        """Start empty; `draw` creates identifiers, `speed` 24 shortens a card's day to an hour."""
        self._server_key = server_key
        self._faults = faults
        self._notifier = notifier
        self._timeline = timeline
        self._clock = clock
        self._speed = speed
        self._books = TransactionStore(draw)
        self._lock = RLock()

    def open_page(self, request: Json, notify: tuple[str, ...]) -> SnapSession:
        """Create a payment page; earlier pages of the same order are replaced."""
        with self._lock:
            opened = create_session(request, str(self._books.number()), self._clock(), notify)
            begun = self._books.latest(opened.order_id)
            if begun and begun.status not in _REUSABLE:
                message = "has been paid and utilized, please use another order ID"
                raise SnapRefusal(400, f"transaction_details.order_id {message}")
            self._books.add_page(opened)
        return opened

    def cancel_page(self, token: str) -> datetime:
        """Cancel a page without a payment and return the time."""
        with self._lock:
            session = self._books.sessions.get(token)
            if session is None:
                raise SnapRefusal(404, "token not found")
            if session.canceled:
                raise SnapRefusal(400, "token already canceled")
            begun = self._books.latest(session.order_id)
            if begun and begun.status not in _REUSABLE:
                raise SnapRefusal(400, "Transaction is on progress")
            session.canceled = True
        return self._clock()

    def page(self, token: str) -> tuple[SnapSession, Transaction | None] | None:
        """Return a page and its payment, if any; None for an unknown token."""
        with self._lock:
            session = self._books.sessions.get(token)
            return (session, self._books.latest(session.order_id)) if session else None

    def is_open(self, session: SnapSession) -> bool:
        """Return whether the buyer can choose a payment method on the page."""
        with self._lock:
            begun = self._books.latest(session.order_id)
            again = {"deny", "failure"} if begun and begun.token == session.token else _REUSABLE
            busy = begun is not None and begun.status not in again
            ended = session.canceled or session.replaced or self._clock() >= session.page_expires_at
            return not (busy or ended)

    def choose(self, token: str, method: str) -> Transaction | None:
        """Start a payment; None when the page is closed or does not offer the method."""
        with self._lock:
            session = self._books.sessions.get(token)
            if session is None or not self.is_open(session) or method not in METHODS:
                return None
            if METHODS[method] not in session.methods:
                return None
            return self._begin(session, method)

    def charge(self, charge: Charge, notify: tuple[str, ...]) -> Json:
        """Charge without a payment page; a card is decided immediately."""
        with self._lock:
            begun = self._books.latest(charge.order_id)
            if begun and begun.status not in _REUSABLE:
                raise CoreRefusal(406, "Duplicate order ID")
            session = create_session(charge.request, "", self._clock(), notify)
            transaction = self._begin(session, charge.method)
            if charge.outcome:
                self._make(transaction, WORLD_MOVES[charge.outcome])
            return self._build_response(transaction, "Success, transaction is created")

    def capture(self, reference: str, amount: object) -> Json:
        """Capture all or part of an authorised card payment."""
        with self._lock:
            transaction = self._books.find(reference)
            if transaction.status != "authorize":
                raise CoreRefusal(412, NOT_MODIFIABLE)
            if not isinstance(amount, int) or not 0 < amount <= transaction.amount:
                raise CoreRefusal(400, INVALID, "gross_amount is invalid")
            transaction.amount = amount
            self._make(transaction, CAPTURE)
            return self._build_response(transaction, "Success, transaction is captured")

    def attempts(self, order_id: str) -> Json:
        """Return all payments of an order."""
        with self._lock:
            message = "Success, transaction is found"
            found = [self._build_response(each, message) for each in self._books.attempts(order_id)]
            if not found:
                raise CoreRefusal(404, NOT_FOUND)
            return {"status_code": "200", "status_message": message, "transactions": found}

    def number(self) -> str:
        """Return a new identifier."""
        with self._lock:
            return str(self._books.number())

    def push(self, order_id: str, move: str, method: str = "") -> Transaction | None:
        """Apply an event to an order's payment; None if it is not possible.

        With `method`, that method is chosen on the open page first. Moves: "choose" does
        nothing more, "notify" repeats the notification of the current state, the others are
        WORLD_MOVES.
        """
        with self._lock:
            transaction = self._books.latest(order_id)
            if method:
                page = self._books.last_page(order_id)
                transaction = self.choose(page.token, method) if page else None
            if transaction is None or move == "choose":
                return transaction
            if move == "notify":
                self._notify(transaction)
                return transaction
            return transaction if self._act(transaction, move) else None

    def status(self, reference: str) -> Json:
        """Return the status of a payment, by order id or transaction id.

        Some methods carry the transaction id as order id, whichever was asked for, and do not
        repeat the merchant's own fields.
        """
        with self._lock:
            transaction = self._find(reference)
            response = self._build_response(transaction, "Success, transaction is found")
            if transaction.method.is_named_by_transaction:
                own = {name: response[name] for name in response if name not in transaction.custom}
                response = own | {"order_id": str(transaction.number)}
            return response

    def _find(self, reference: str) -> Transaction:
        found = self._books.find(reference)
        is_hidden = self._faults.only_transaction_ids and found.method.is_named_by_transaction
        if is_hidden and reference == found.order_id:
            raise CoreRefusal(404, NOT_FOUND)
        return found

    def move(self, reference: str, verb: str) -> Json:
        """Apply a merchant's cancel, expire, approve or deny."""
        with self._lock:
            transaction = self._find(reference)
            if not self._make(transaction, MERCHANT_MOVES[verb]):
                raise CoreRefusal(412, NOT_MODIFIABLE)
            return self._build_response(transaction, _MESSAGES[verb]) | (
                {"status_code": "200"} if verb == "deny" else {}
            )

    def refund(self, reference: str, request: Json) -> Json:
        """Refund a payment, all or in part."""
        with self._lock:
            transaction = self._find(reference)
            key = str(request.get("refund_key") or self._books.number())
            amount = resolve_refund_amount(transaction, key, request.get("amount"))
            number = len(transaction.refunds) + 1
            if self._faults.take("refunds_denied"):
                response = self._build_response(transaction, "Refund denied by the bank")
                return refund_response(response, number, amount="0.00", key=key) | {
                    "status_code": "202"
                }
            self._refund(transaction, number, key, amount, str(request.get("reason", "")))
            response = self._build_response(transaction, "Success, refund request is approved")
            return refund_response(response, number, amount=format_amount(amount), key=key)

    def transactions(self) -> list[Json]:
        """Return the status of every payment, oldest first."""
        with self._lock:
            return [
                self._build_response(each, each.method.title)
                for each in self._books.transactions.values()
            ]

    def payments(self) -> list[Transaction]:
        """Return every payment, oldest first."""
        with self._lock:
            return list(self._books.transactions.values())

    def sessions(self) -> list[SnapSession]:
        """Return every page, oldest first."""
        with self._lock:
            return list(self._books.sessions.values())

    def _begin(self, session: SnapSession, name: str) -> Transaction:
        method, now = METHODS[name], self._clock()
        usual = now + (_CARD_LIFETIME if method.is_card else _METHOD_LIFETIME)
        ends = session.payment_expires_at(now) or usual
        amount = session.amount + self._faults.customer_fee + self._faults.amount_off
        custom = session.custom | fee_fields(session.amount, self._faults.customer_fee)
        transaction = Transaction(
            session.order_id,
            session.token,
            method,
            amount,
            now,
            ends,
            session.notify,
            custom,
            self._books.number(),
            only_authorizes=get_object(session.request, "credit_card").get("type") == "authorize",
        )
        self._books.add(transaction)
        self._notify(transaction)
        time_out = partial(self._time_out, transaction)
        self._timeline.schedule((ends - now).total_seconds(), session.order_id, time_out)
        return transaction

    def _time_out(self, transaction: Transaction) -> None:
        if not self._faults.never_expires:
            self._make(transaction, WORLD_MOVES["time-out"])

    def _act(self, transaction: Transaction, move: str) -> bool:
        late = self._faults.settle_after_seconds
        if move == "pay" and late and transaction.status == "pending":
            settle = partial(self._make, transaction, WORLD_MOVES["settle"])
            self._timeline.schedule(late, transaction.order_id, settle)
            return True
        return self._make(transaction, WORLD_MOVES[move])

    def _make(self, transaction: Transaction, move: StateChange) -> bool:
        with self._lock:
            made = transaction.apply(move, self._clock())
            if made:
                self._notify(transaction)
            if made and transaction.status == "capture":
                self._settle_after_a_day(transaction)
            return made

    def _settle_after_a_day(self, transaction: Transaction) -> None:
        """Settle the card payment or expire its review after a day."""
        due = REVIEW_EXPIRY if transaction.state == "challenge" else CARD_SETTLEMENT
        day = _CARD_SETTLEMENT_DELAY.total_seconds() / self._speed
        self._timeline.schedule(day, transaction.order_id, partial(self._make, transaction, due))

    def _refund(
        self, transaction: Transaction, number: int, key: str, amount: int, reason: str
    ) -> None:
        refund = new_refund(number, amount=amount, key=key, reason=reason, at=self._clock())
        transaction.refunds.append(refund)
        whole = transaction.refunded == transaction.amount
        transaction.status = "refund" if whole else "partial_refund"
        self._notify(transaction)
        confirm = partial(self._confirm_refund, transaction, refund)
        self._timeline.schedule(_BANK_CONFIRMS_SECONDS, transaction.order_id, confirm)

    def _confirm_refund(self, transaction: Transaction, refund: Json) -> None:
        with self._lock:
            refund["bank_confirmed_at"] = format_time(self._clock())
            self._notify(transaction)

    def _build_response(self, transaction: Transaction, message: str) -> Json:
        return transaction.response_body(self._server_key, message)

    def _notify(self, transaction: Transaction) -> None:
        self._notifier.notify(transaction.notification_body(self._server_key), transaction.notify)
