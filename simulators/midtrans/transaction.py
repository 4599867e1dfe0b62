"""Payment transaction: its states and its JSON representation."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from uuid import UUID

from simulators.http import Json
from simulators.midtrans.methods import PaymentMethod

JAKARTA = timezone(timedelta(hours=7))
_API_CODES = {"pending": "201", "deny": "202", "failure": "202", "expire": "407"}
_NOTIFICATION_CODES = {"pending": "201"} | dict.fromkeys(
    ("deny", "cancel", "expire", "failure"), "202"
)


@dataclass(frozen=True, slots=True)
class StateChange:
    """State change: the allowed source states and the resulting state."""

    sources: frozenset[str]
    target: str
    fraud: str = "accept"


def _state_change(sources: str, target: str, fraud: str = "accept") -> StateChange:
    return StateChange(frozenset(sources.split()), target, fraud)


# "challenge" means a capture that waits for the merchant's decision
MERCHANT_MOVES = {
    "cancel": _state_change("pending authorize capture challenge", "cancel"),
    "expire": _state_change("pending", "expire"),
    "approve": _state_change("challenge", "capture"),
    "deny": _state_change("challenge", "deny", "deny"),
}
CAPTURE = _state_change("authorize", "capture")
# after a day a card payment settles, or its review expires
CARD_SETTLEMENT = _state_change("capture", "settlement")
REVIEW_EXPIRY = _state_change("challenge", "cancel")
# events from buyers, banks and time; payment is possible after expiry, and can be reversed
WORLD_MOVES = {
    "pay": _state_change("pending", "settlement"),
    "challenge": _state_change("pending", "capture", "challenge"),
    "decline": _state_change("pending", "deny", "deny"),
    "fail": _state_change("pending", "failure"),
    "settle": _state_change("pending capture expire cancel deny", "settlement"),
    "time-out": _state_change("pending", "expire"),
    "reverse": _state_change("settlement", "deny"),
    "chargeback": _state_change(
        "capture settlement partial_refund partial_chargeback", "chargeback"
    ),
    "partial_chargeback": _state_change("capture settlement", "partial_chargeback"),
}


@dataclass(slots=True)
class Transaction:
    """Payment transaction, created when a method is chosen."""

    order_id: str
    token: str  # of its payment page
    method: PaymentMethod
    amount: int  # rupiah, any customer fee included
    started: datetime
    ends: datetime | None
    notify: tuple[str, ...]
    custom: Json
    number: UUID
    only_authorizes: bool = False  # a card's money is reserved until the merchant captures it
    status: str = "pending"
    fraud: str = "accept"
    settled: datetime | None = None
    refunds: list[Json] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Return the status, or "challenge" for a capture under review."""
        return "challenge" if self.fraud == "challenge" else self.status

    @property
    def refunded(self) -> int:
        """Return the refunded amount in rupiah."""
        return sum(int(str(refund["refund_amount"]).removesuffix(".00")) for refund in self.refunds)

    def apply(self, move: StateChange, at: datetime) -> bool:
        """Apply a state change if it is allowed and return whether it was."""
        if self.state not in move.sources:
            return False
        pays_by_card = self.method.is_card and move is WORLD_MOVES["pay"]
        by_card = "authorize" if self.only_authorizes else "capture"
        self.status, self.fraud = by_card if pays_by_card else move.target, move.fraud
        if self.status == "settlement":
            self.settled = at
        return True

    def notification_body(self, server_key: str) -> Json:
        """Return the body of a notification."""
        challenged = self.state == "challenge"
        code = "201" if challenged else _NOTIFICATION_CODES.get(self.status, "200")
        return self._build_body(code, server_key) | {
            "status_message": "midtrans payment notification"
        }

    def response_body(self, server_key: str, message: str) -> Json:
        """Return the body of a response."""
        code = "201" if self.state == "challenge" else _API_CODES.get(self.status, "200")
        return self._build_body(code, server_key) | {"status_message": message}

    def _build_body(self, code: str, server_key: str) -> Json:
        amount = format_amount(self.amount)
        return {
            "transaction_time": format_time(self.started),
            "transaction_status": self.status,
            "transaction_id": str(self.number),
            "status_code": code,
            "signature_key": signature(self.order_id, code, amount, server_key),
            "payment_type": self.method.payment_type,
            "order_id": self.order_id,
            "merchant_id": "G000000001",
            "gross_amount": amount,
            "currency": "IDR",
            **({"fraud_status": self.fraud} if self.method.has_fraud_status else {}),
            **({"settlement_time": format_time(self.settled)} if self.settled else {}),
            **({"expiry_time": format_time(self.ends)} if self.ends else {}),
            **self.method.fields(self.number),
            **self._refund_fields(),
            **self.custom,
        }

    def _refund_fields(self) -> Json:
        if not self.refunds:
            return {}
        refunds = [dict(refund) for refund in self.refunds]
        return {"refund_amount": format_amount(self.refunded), "refunds": refunds}


def signature(order_id: str, code: str, amount: str, server_key: str) -> str:
    """Return the signature: SHA-512 of the four texts without separators."""
    return hashlib.sha512(f"{order_id}{code}{amount}{server_key}".encode()).hexdigest()


def fee_fields(original: int, fee: int) -> Json:
    """Return the fields that report a customer fee; empty without a fee."""
    if not fee:
        return {}
    amounts = {
        "original_amount": format_amount(original),
        "gross_amount": format_amount(original + fee),
        "customer_imposed_payment_fee": format_amount(fee),
    }
    return {"metadata": {"extra_info": {"gross_amount_info": amounts}}}


def format_amount(amount: int) -> str:
    """Format an amount as Midtrans does, with two decimals."""
    return f"{amount}.00"


def format_time(at: datetime) -> str:
    """Format a time as Midtrans does: Jakarta time without an offset."""
    return at.astimezone(JAKARTA).strftime("%Y-%m-%d %H:%M:%S")
