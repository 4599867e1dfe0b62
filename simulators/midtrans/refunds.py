"""What a refund may be, and how Midtrans answers it."""

import re
from datetime import datetime

from simulators.http import Json
from simulators.midtrans.methods import Refunds
from simulators.midtrans.refusals import INVALID, NOT_MODIFIABLE, CoreRefusal
from simulators.midtrans.transaction import Transaction, jakarta, rupiah

_KEY = re.compile(r"[A-Za-z0-9_-]{1,255}")
_KEPT = (
    "transaction_id",
    "order_id",
    "payment_type",
    "transaction_status",
    "gross_amount",
    "currency",
    "status_message",
)


def refundable(transaction: Transaction, key: str, asked: object) -> int:
    """The rupiah to send back: what is asked for, or all that is left."""
    left = transaction.amount - transaction.refunded
    amount = left if asked is None else asked
    allowed = transaction.method.refunds
    if any(refund["refund_key"] == key for refund in transaction.refunds):
        raise CoreRefusal(406, "Duplicate refund ID")
    if not _KEY.fullmatch(key) or not isinstance(amount, int) or amount < 1:
        raise CoreRefusal(400, INVALID)
    if transaction.status not in {"settlement", "partial_refund"} or allowed is Refunds.NONE:
        raise CoreRefusal(412, NOT_MODIFIABLE)
    if amount > left or (allowed is Refunds.WHOLE and amount != left):
        raise CoreRefusal(414, "Refund amount is not allowed")
    return amount


def new_refund(number: int, *, amount: int, key: str, reason: str, at: datetime) -> Json:
    """A refund as it stands among a payment's refunds; the bank has yet to confirm it."""
    return {
        "refund_chargeback_id": number,
        "refund_amount": rupiah(amount),
        "created_at": jakarta(at),
        "reason": reason,
        "refund_key": key,
        "refund_method": "online",
    }


def refund_answer(said: Json, number: int, *, amount: str, key: str) -> Json:
    """The answer to a refund, made of what is said of its payment."""
    kept = {name: said[name] for name in _KEPT}
    about: Json = {"refund_chargeback_id": number, "refund_amount": amount, "refund_key": key}
    return {"status_code": "200", **kept, **about}
