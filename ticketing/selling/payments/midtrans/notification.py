"""Midtrans' report about a payment attempt, from a notification or a status answer.

The effect on an order is decided in `orders/payment_attempt.py`. What a notification's signature
covers is in `signed_fields.py`.
"""

import json
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
from ticketing.selling.payments.midtrans.payment_code import payment_code

JAKARTA = ZoneInfo("Asia/Jakarta")
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
    began_at: datetime | None  # times are for information: unreadable ones are None
    settled_at: datetime | None
    expires_at: datetime | None
    echoed_key: str = ""  # the key of the payment attempt as we sent it; empty if not repeated
    payment_code: str = ""  # virtual account or code to pay to, with its bank or shop

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
            payment_code=self.payment_code,
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


def notification_from_json(payload: Json) -> MidtransNotification:
    """Parse a decoded notification. Unknown keys are ignored: Midtrans adds new ones."""
    try:
        return _build_notification(payload)
    except (ValueError, NotMoney) as error:
        raise UnreadableNotification(f"the notification is invalid: {error}") from error


def _build_notification(payload: Json) -> MidtransNotification:
    gross = _text_or_number(payload, "gross_amount")
    refunds = _refunds(payload)
    refunded = payload.get("refund_amount")
    notification = MidtransNotification(
        order_id=_text(payload, "order_id"),
        transaction_id=_text(payload, "transaction_id"),
        status_code=_text_or_number(payload, "status_code"),
        gross_amount=gross,
        signature_key=_text(payload, "signature_key", ""),
        payment_type=_text(payload, "payment_type", ""),
        state=state_from_midtrans(
            _text(payload, "transaction_status"), _text(payload, "fraud_status", "")
        ),
        amount=_amount_without_fee(payload, Rupiah.parse(gross)),
        refunds=refunds,
        refunded=ZERO
        if refunded is None
        else Rupiah.parse(_text_or_number(payload, "refund_amount")),
        began_at=_instant_if_readable(payload.get("transaction_time")),
        settled_at=_instant_if_readable(payload.get("settlement_time")),
        expires_at=_instant_if_readable(payload.get("expiry_time")),
        echoed_key=_text(payload, "custom_field1", ""),
        payment_code=payment_code(payload),
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


def _text_or_number(payload: Json, name: str) -> str:
    """Return a text; a number, which Midtrans documents as text, is written with its cents."""
    value = payload.get(name)
    if isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text(payload, name)


def _amount_without_fee(payload: Json, gross: Rupiah) -> Rupiah:
    """Return the price of the order: merchants can add the gateway's fee for the buyer."""
    info: object = payload
    for name in ("metadata", "extra_info", "gross_amount_info"):
        info = info.get(name) if isinstance(info, dict) else None
    if not isinstance(info, dict):
        return gross
    original = Rupiah.parse(_text_or_number(info, "original_amount"))
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
            amount=Rupiah.parse(_text_or_number(each, "refund_amount")),
            confirmed=bool(each.get("bank_confirmed_at")),
        )
        for each in listed
    )


def _instant_if_readable(value: object) -> datetime | None:
    """Return an instant, None if there is no readable one; without an offset it is Jakarta time."""
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
        if instant is None or instant.tzinfo is not None:
            return instant and instant.astimezone(UTC)
        return instant.replace(tzinfo=JAKARTA).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
