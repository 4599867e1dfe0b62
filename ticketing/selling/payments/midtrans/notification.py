"""Midtrans' report about a payment attempt, from a notification or a status answer.

The effect on an order is decided in `orders/payment_attempt.py`. A notification is only a hint:
its signature covers neither the status nor the fraud status.
"""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ticketing.orders.payment_attempt import (
    AttemptState,
    PaymentStatus,
    ReportedRefund,
    state_from_midtrans,
)
from ticketing.platform.kernel.errors import NotMoney, UnreadableNotification
from ticketing.platform.kernel.money import ZERO, Rupiah

JAKARTA = ZoneInfo("Asia/Jakarta")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_CURRENCY = "IDR"
_PAID = {AttemptState.CAPTURED, AttemptState.SETTLED}

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class MidtransRefund:
    """One refund of an attempt, completed or under way."""

    key: str
    amount: Rupiah
    confirmed: bool  # by the bank, not only accepted by the gateway


@dataclass(frozen=True, slots=True)
class MidtransNotification:
    """One payment attempt as reported by Midtrans. Instants are aware UTC."""

    order_id: str  # the key of the payment attempt, or for some channels the transaction id
    transaction_id: str
    status_code: str
    gross_amount: str  # as received: the signature covers this text
    signature_key: str  # empty in status answers without one
    payment_type: str
    state: AttemptState
    amount: Rupiah  # without a fee that the gateway charged to the buyer
    refunds: tuple[MidtransRefund, ...]
    refunded: Rupiah  # total so far
    began_at: datetime
    settled_at: datetime | None
    expires_at: datetime | None
    echoed_key: str = ""  # the key of the payment attempt as we sent it; empty if not repeated

    @property
    def payment_status(self) -> PaymentStatus:
        """Return the payment status; trust it only in an answer to our own request."""
        return PaymentStatus(
            attempt_key=self.order_id,
            transaction_id=self.transaction_id,
            state=self.state,
            amount=self.amount,
            refunded=self.refunded,
            payment_type=self.payment_type,
            refunds=tuple(ReportedRefund(refund.key, refund.amount) for refund in self.refunds),
        )


def parse_notification(body: bytes) -> MidtransNotification:
    """Parse a notification body; raises UnreadableNotification for invalid ones."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableNotification("the notification is not JSON") from error
    if not isinstance(payload, dict):
        raise UnreadableNotification("the notification is not a JSON object")
    return notification_from_json(payload)


def transaction_id_of(body: bytes) -> str:
    """Return the transaction id in a stored notification, empty if it has none."""
    try:
        value = json.loads(body).get("transaction_id")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def notification_from_json(payload: Json) -> MidtransNotification:
    """Parse a decoded notification. Unknown keys are ignored: Midtrans adds new ones."""
    try:
        return _build_notification(payload)
    except (ValueError, NotMoney) as error:
        raise UnreadableNotification(f"the notification is invalid: {error}") from error


def has_valid_signature(notification: MidtransNotification, server_key: str) -> bool:
    """Return whether the notification is signed with the server key; False for an empty key.

    SHA-512 of order id, status code, gross amount as received and the key, without separators.
    """
    signature = notification.signature_key
    if not server_key or not _SIGNATURE.fullmatch(signature):
        return False
    signed = notification.order_id + notification.status_code + notification.gross_amount
    expected = hashlib.sha512(f"{signed}{server_key}".encode()).hexdigest()
    return hmac.compare_digest(signature, expected)


def _build_notification(payload: Json) -> MidtransNotification:
    gross = _text(payload, "gross_amount")
    refunds = _refunds(payload)
    refunded = payload.get("refund_amount")
    notification = MidtransNotification(
        order_id=_text(payload, "order_id"),
        transaction_id=_text(payload, "transaction_id"),
        status_code=_text(payload, "status_code"),
        gross_amount=gross,
        signature_key=_text(payload, "signature_key", ""),
        payment_type=_text(payload, "payment_type", ""),
        state=state_from_midtrans(
            _text(payload, "transaction_status"), _text(payload, "fraud_status", "")
        ),
        amount=_amount_without_fee(payload, Rupiah.parse(gross)),
        refunds=refunds,
        refunded=ZERO if refunded is None else Rupiah.parse(_text(payload, "refund_amount")),
        began_at=_instant(_text(payload, "transaction_time")),
        settled_at=_instant_if_any(payload, "settlement_time"),
        expires_at=_instant_if_any(payload, "expiry_time"),
        echoed_key=_text(payload, "custom_field1", ""),
    )
    if notification.state in _PAID and notification.status_code != "200":
        raise ValueError(f"{notification.state} with status_code {notification.status_code}")
    if (currency := _text(payload, "currency", _CURRENCY)) != _CURRENCY:
        raise ValueError(f"currency is {currency!r}, and orders are in {_CURRENCY}")
    return notification


def _text(payload: Json, name: str, absent: str | None = None) -> str:
    value = payload.get(name)
    if value is None and absent is not None:
        return absent
    # printable: no NUL, which PostgreSQL cannot store, and no unpaired surrogate
    if not isinstance(value, str) or not value.isprintable() or (not value and absent is None):
        raise ValueError(f"{name} is not a text")
    return value


def _amount_without_fee(payload: Json, gross: Rupiah) -> Rupiah:
    """Return the price of the order: merchants can add the gateway's fee for the buyer."""
    info: object = payload
    for name in ("metadata", "extra_info", "gross_amount_info"):
        info = info.get(name) if isinstance(info, dict) else None
    if not isinstance(info, dict):
        return gross
    original = Rupiah.parse(_text(info, "original_amount"))
    if original > gross:
        raise ValueError(f"original_amount {original} is more than gross_amount {gross}")
    return original


def _refunds(payload: Json) -> tuple[MidtransRefund, ...]:
    listed = payload.get("refunds") or []
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise ValueError("refunds is not a list of refunds")
    return tuple(
        MidtransRefund(
            key=_text(each, "refund_key", ""),
            amount=Rupiah.parse(_text(each, "refund_amount")),
            confirmed=bool(each.get("bank_confirmed_at")),
        )
        for each in listed
    )


def _instant_if_any(payload: Json, name: str) -> datetime | None:
    text = _text(payload, name, "")
    return _instant(text) if text else None


def _instant(text: str) -> datetime:
    """Parse an instant; Midtrans writes Jakarta time without an offset."""
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=JAKARTA)
    return local.astimezone(UTC)
