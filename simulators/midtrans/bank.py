"""The gateway's books: pages opened, payments begun, what merchants and the world do to them."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import RLock
from uuid import uuid4

from simulators.midtrans.faults import Faults
from simulators.midtrans.methods import METHODS, Refunds
from simulators.midtrans.notifier import Notifier
from simulators.midtrans.refusals import NOT_FOUND, NOT_MODIFIABLE, CoreRefusal, SnapRefusal
from simulators.midtrans.snap import Json, Session, session_for
from simulators.midtrans.timeline import Timeline
from simulators.midtrans.transaction import (
    MERCHANT_MOVES,
    WORLD_MOVES,
    Move,
    Transaction,
    jakarta,
    rupiah,
)

_CARD_LASTS = timedelta(minutes=15)
_METHOD_LASTS = timedelta(days=1)
_REUSABLE = {"expire", "deny", "failure", "cancel"}  # an order id may be begun again after these
_REFUND_KEY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MESSAGES = {
    "cancel": "Success, transaction is canceled",
    "expire": "Success, transaction has expired",
    "approve": "Success, transaction is approved",
    "deny": "Success, transaction is denied",
}


class Bank:
    """All state of the simulator, under one lock."""

    def __init__(
        self,
        server_key: str,
        *,
        faults: Faults,
        notifier: Notifier,
        timeline: Timeline,
        clock: Callable[[], datetime],
    ) -> None:
        """Open empty books."""
        self._server_key = server_key
        self._faults = faults
        self._notifier = notifier
        self._timeline = timeline
        self._clock = clock
        self._lock = RLock()
        self._sessions: dict[str, Session] = {}  # by token
        self._pages: defaultdict[str, list[Session]] = defaultdict(list)  # by order id
        self._transactions: dict[str, Transaction] = {}  # by the number we give them
        self._attempts: defaultdict[str, list[Transaction]] = defaultdict(list)  # by order id

    def open_page(self, request: Json, notify: tuple[str, ...]) -> Session:
        """A new page for an order; older ones of the same order end."""
        opened = session_for(request, str(uuid4()), self._clock(), notify)
        with self._lock:
            begun = self._latest(opened.order_id)
            if begun and begun.status not in _REUSABLE:
                message = "has been paid and utilized, please use another order ID"
                raise SnapRefusal(400, f"transaction_details.order_id {message}")
            for older in self._pages[opened.order_id]:
                older.replaced = True
            self._pages[opened.order_id].append(opened)
            self._sessions[opened.token] = opened
        return opened

    def cancel_page(self, token: str) -> datetime:
        """Close a page nobody has begun to pay on; when it was closed."""
        with self._lock:
            session = self._sessions.get(token)
            if session is None:
                raise SnapRefusal(404, "token not found")
            if session.canceled:
                raise SnapRefusal(400, "token already canceled")
            begun = self._latest(session.order_id)
            if begun and begun.status not in _REUSABLE:
                raise SnapRefusal(400, "Transaction is on progress")
            session.canceled = True
        return self._clock()

    def page(self, token: str) -> tuple[Session, Transaction | None] | None:
        """A page and the payment begun on it, if any; None for a token there is not."""
        with self._lock:
            session = self._sessions.get(token)
            return (session, self._latest(session.order_id)) if session else None

    def is_open(self, session: Session) -> bool:
        """Whether a method can be chosen on the page."""
        with self._lock:
            begun = self._latest(session.order_id)
            again = {"deny", "failure"} if begun and begun.token == session.token else _REUSABLE
            busy = begun is not None and begun.status not in again
            ended = session.canceled or session.replaced or self._clock() >= session.page_ends
            return not (busy or ended)

    def choose(self, token: str, method: str) -> Transaction | None:
        """Begin to pay; None when the page is closed or does not offer the method."""
        with self._lock:
            session = self._sessions.get(token)
            if session is None or not self.is_open(session) or method not in METHODS:
                return None
            if METHODS[method] not in session.methods:
                return None
            return self._begin(session, method)

    def push(self, order_id: str, move: str, method: str = "") -> Transaction | None:
        """Let the world act on an order's payment; None if it cannot.

        A `method` is chosen on the open page first. Moves: "choose" does no more than that,
        "notify" tells the present state again, the others are WORLD_MOVES.
        """
        with self._lock:
            transaction = self._latest(order_id)
            if method:
                pages = self._pages.get(order_id)
                transaction = self.choose(pages[-1].token, method) if pages else None
            if transaction is None or move == "choose":
                return transaction
            if move == "notify":
                self._announce(transaction)
                return transaction
            return transaction if self._act(transaction, move) else None

    def status(self, wanted: str) -> Json:
        """The answer to a question about a payment, by order id or transaction id."""
        with self._lock:
            return self._answer(self._find(wanted), "Success, transaction is found")

    def move(self, wanted: str, verb: str) -> Json:
        """The answer to a merchant's cancel, expire, approve or deny."""
        with self._lock:
            transaction = self._find(wanted)
            if not self._make(transaction, MERCHANT_MOVES[verb]):
                raise CoreRefusal(412, NOT_MODIFIABLE)
            return self._answer(transaction, _MESSAGES[verb]) | (
                {"status_code": "200"} if verb == "deny" else {}
            )

    def refund(self, wanted: str, request: Json) -> Json:
        """The answer to a merchant's refund."""
        with self._lock:
            transaction = self._find(wanted)
            key = str(request.get("refund_key") or uuid4())
            amount = self._refundable(transaction, key, request.get("amount"))
            identity: Json = {"refund_chargeback_id": len(transaction.refunds) + 1}
            if self._faults.uses("refunds_denied"):
                refused = {"status_code": "202", "status_message": "Refund denied by the bank"}
                return self._refund_answer(transaction, "0.00", key) | identity | refused
            refund: Json = identity | {
                "refund_amount": rupiah(amount),
                "created_at": jakarta(self._clock()),
                "reason": str(request.get("reason", "")),
                "refund_key": key,
                "refund_method": "online",
            }
            transaction.refunds.append(refund)
            whole = transaction.refunded == transaction.amount
            transaction.status = "refund" if whole else "partial_refund"
            self._announce(transaction)
            confirm = partial(self._confirm_refund, transaction, refund)
            self._timeline.after(0.2, transaction.order_id, confirm)
            return self._refund_answer(transaction, rupiah(amount), key) | identity

    def transactions(self) -> list[Json]:
        """Every payment as it stands, oldest first."""
        with self._lock:
            return [self._answer(each, each.method.title) for each in self._transactions.values()]

    def sessions(self) -> list[Session]:
        """Every page that was opened, oldest first."""
        with self._lock:
            return list(self._sessions.values())

    def _latest(self, order_id: str) -> Transaction | None:
        attempts = self._attempts.get(order_id)
        return attempts[-1] if attempts else None

    def _find(self, wanted: str) -> Transaction:
        found = self._latest(wanted) or self._transactions.get(wanted)
        if found is None:
            raise CoreRefusal(404, NOT_FOUND)
        return found

    def _begin(self, session: Session, name: str) -> Transaction:
        method, now = METHODS[name], self._clock()
        usual = now + (_CARD_LASTS if method.is_card else _METHOD_LASTS)
        ends = session.payment_ends(now) or usual
        amount = session.amount + self._faults.customer_fee + self._faults.amount_off
        custom = session.custom | self._fee_told(session.amount)
        transaction = Transaction(
            session.order_id, session.token, method, amount, now, ends, session.notify, custom
        )
        self._transactions[str(transaction.number)] = transaction
        self._attempts[session.order_id].append(transaction)
        self._announce(transaction)
        time_out = partial(self._make, transaction, WORLD_MOVES["time-out"])
        self._timeline.after((ends - now).total_seconds(), session.order_id, time_out)
        return transaction

    def _fee_told(self, original: int) -> Json:
        fee = self._faults.customer_fee
        if not fee:
            return {}
        told = {
            "original_amount": rupiah(original),
            "gross_amount": rupiah(original + fee),
            "customer_imposed_payment_fee": rupiah(fee),
        }
        return {"metadata": {"extra_info": {"gross_amount_info": told}}}

    def _act(self, transaction: Transaction, move: str) -> bool:
        late = self._faults.settle_after_seconds
        if move == "pay" and late and transaction.status == "pending":
            settle = partial(self._make, transaction, WORLD_MOVES["settle"])
            self._timeline.after(late, transaction.order_id, settle)
            return True
        return self._make(transaction, WORLD_MOVES[move])

    def _make(self, transaction: Transaction, move: Move) -> bool:
        with self._lock:
            made = transaction.makes(move, self._clock())
            if made:
                self._announce(transaction)
            return made

    def _refundable(self, transaction: Transaction, key: str, asked: object) -> int:
        left = transaction.amount - transaction.refunded
        amount = left if asked is None else asked
        allowed = transaction.method.refunds
        if any(refund["refund_key"] == key for refund in transaction.refunds):
            raise CoreRefusal(406, "Duplicate refund ID")
        if not _REFUND_KEY.fullmatch(key) or not isinstance(amount, int) or amount < 1:
            raise CoreRefusal(400, "One or more parameters in the payload is invalid.")
        if transaction.status not in {"settlement", "partial_refund"} or allowed is Refunds.NONE:
            raise CoreRefusal(412, NOT_MODIFIABLE)
        if amount > left or (allowed is Refunds.WHOLE and amount != left):
            raise CoreRefusal(414, "Refund amount is not allowed")
        return amount

    def _confirm_refund(self, transaction: Transaction, refund: Json) -> None:
        with self._lock:
            refund["bank_confirmed_at"] = jakarta(self._clock())
            self._announce(transaction)

    def _refund_answer(self, transaction: Transaction, amount: str, key: str) -> Json:
        kept = {"transaction_id", "order_id", "payment_type", "transaction_status", "currency"}
        whole = self._answer(transaction, "Success, refund request is approved")
        answer = {name: whole[name] for name in (*sorted(kept), "gross_amount", "status_message")}
        return {"status_code": "200", **answer, "refund_amount": amount, "refund_key": key}

    def _answer(self, transaction: Transaction, message: str) -> Json:
        return transaction.answered(self._server_key, message)

    def _announce(self, transaction: Transaction) -> None:
        self._notifier.announce(transaction.pushed(self._server_key), transaction.notify)
