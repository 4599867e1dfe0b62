"""Validation and response format of refunds."""

import re
from datetime import datetime

from simulators.http import Json
from simulators.midtrans.methods import RefundSupport
from simulators.midtrans.refusals import INVALID, NOT_MODIFIABLE, CoreRefusal
from simulators.midtrans.transaction import Transaction, format_amount, format_time

_KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,255}")
_COPIED_FIELDS = (
    "transaction_id",
    "order_id",
    "payment_type",
    "transaction_status",
    "gross_amount",
    "currency",
    "status_message",
)


def resolve_refund_amount(transaction: Transaction, key: str, requested: object) -> int:
    """Return the amount to refund, by default all that is left; CoreRefusal if not allowed."""
    left = transaction.amount - transaction.refunded
    amount = left if requested is None else requested
    allowed = transaction.method.refunds
    if any(refund["refund_key"] == key for refund in transaction.refunds):
        raise CoreRefusal(406, "Duplicate refund ID")
    if not _KEY_PATTERN.fullmatch(key) or not isinstance(amount, int) or amount < 1:
        raise CoreRefusal(400, INVALID)
    if transaction.status not in {"settlement", "partial_refund"} or allowed is RefundSupport.NONE:
        raise CoreRefusal(412, NOT_MODIFIABLE)
    if amount > left or (allowed is RefundSupport.FULL_ONLY and amount != left):
        raise CoreRefusal(414, "Refund amount is not allowed")
    return amount


def new_refund(number: int, *, amount: int, key: str, reason: str, at: datetime) -> Json:
    """Create the refund entry of a payment; the bank has not confirmed it yet."""
    return {
        "refund_chargeback_id": number,
        "refund_amount": format_amount(amount),
        "created_at": format_time(at),
        "reason": reason,
        "refund_key": key,
        "refund_method": "online",
    }


def refund_response(response: Json, number: int, *, amount: str, key: str) -> Json:
    """Create the response to a refund from the response about its payment."""
    kept = {name: response[name] for name in _COPIED_FIELDS}
    about: Json = {"refund_chargeback_id": number, "refund_amount": amount, "refund_key": key}
    return {"status_code": "200", **kept, **about}
