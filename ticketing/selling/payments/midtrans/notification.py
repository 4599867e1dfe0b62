"""What Midtrans says of a payment attempt, pushed to us or answered to a question, in our words.

What it means for an order is decided in domain/payments.py. A notification is a hint: its signature
covers neither the status nor the fraud status.
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
_PAID = {AttemptState.CAPTURED, AttemptState.SETTLED}

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class MidtransRefund:
    """Money that went back, or is on its way."""

    key: str
    amount: Rupiah
    confirmed: bool  # by the bank, not only by the gateway


@dataclass(frozen=True, slots=True)
class MidtransNotification:
    """One payment attempt as Midtrans sees it. Instants are aware UTC."""

    order_id: str  # the attempt's key, in our words
    transaction_id: str
    status_code: str
    gross_amount: str  # as received: the signature covers this text
    signature_key: str  # empty when an answer has none
    payment_type: str
    state: AttemptState
    amount: Rupiah  # without a fee that the gateway put on the buyer
    refunds: tuple[MidtransRefund, ...]
    refunded: Rupiah  # all so far
    began_at: datetime
    settled_at: datetime | None
    expires_at: datetime | None

    @property
    def payment_status(self) -> PaymentStatus:
        """The part that decides; believe it only when it answers a question of ours."""
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
    """Read a body as it came; raises UnreadableNotification for what Midtrans would not send."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableNotification("the notification is not JSON") from error
    if not isinstance(said, dict):
        raise UnreadableNotification("the notification is not a JSON object")
    return notification_from_json(said)


def notification_from_json(payload: Json) -> MidtransNotification:
    """The same from JSON that was read already. Unknown keys are left alone: new ones appear."""
    try:
        return _build_notification(payload)
    except (ValueError, NotMoney) as error:
        raise UnreadableNotification(f"the notification makes no sense: {error}") from error


def has_valid_signature(notification: MidtransNotification, server_key: str) -> bool:
    """Whether whoever sent this knows the server key. False when there is no key to know.

    SHA-512 of order id, status code, gross amount as received and the key, without separators.
    """
    given = notification.signature_key
    if not server_key or not _SIGNATURE.fullmatch(given):
        return False
    signed = notification.order_id + notification.status_code + notification.gross_amount
    expected = hashlib.sha512(f"{signed}{server_key}".encode()).hexdigest()
    return hmac.compare_digest(given, expected)


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
    )
    if notification.state in _PAID and notification.status_code != "200":
        raise ValueError(f"{notification.state} with status_code {notification.status_code}")
    return notification


def _text(payload: Json, name: str, absent: str | None = None) -> str:
    value = payload.get(name)
    if value is None and absent is not None:
        return absent
    # printable: no NUL, which PostgreSQL cannot keep, and no half of a surrogate pair
    if not isinstance(value, str) or not value.isprintable() or (not value and absent is None):
        raise ValueError(f"{name} is not a text")
    return value


def _amount_without_fee(payload: Json, gross: Rupiah) -> Rupiah:
    """What the order cost: a merchant can have the gateway's fee put on top for the buyer."""
    told: object = payload
    for name in ("metadata", "extra_info", "gross_amount_info"):
        told = told.get(name) if isinstance(told, dict) else None
    if not isinstance(told, dict):
        return gross
    original = Rupiah.parse(_text(told, "original_amount"))
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
    """Midtrans writes Jakarta's time and does not say so."""
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=JAKARTA)
    return local.astimezone(UTC)
