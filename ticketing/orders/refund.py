"""Refunds: their channel and state, the refundable amount of a payment, and the fee of an event.

What is refunded for which places is planned in `selling/refunds/refund_plan.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.kernel.errors import ImpossibleTransition, RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah, total


class RefundChannel(StrEnum):
    """The way in which money is refunded."""

    GATEWAY = "gateway"
    MANUAL = "manual"  # staff transfer it and record that
    EXTERNAL = "external"  # made in the gateway's dashboard and reported to us


class RefundState(StrEnum):
    """The progress of a refund."""

    REQUESTED = "requested"  # decided; not sent to the gateway, or to be sent again
    SENT = "sent"  # possibly received by the gateway; its answer is unknown
    DONE = "done"
    MANUAL = "manual"  # waits for a transfer by staff
    FAILED = "failed"  # refused by the gateway; still outstanding
    CANCELLED = "cancelled"  # withdrawn by staff

    @property
    def is_outstanding(self) -> bool:
        """Return whether the refund is promised and, as far as known, not paid out yet."""
        return self not in {RefundState.DONE, RefundState.CANCELLED}


ALLOWED_TRANSITIONS = {
    RefundState.REQUESTED: {RefundState.SENT, RefundState.DONE, RefundState.FAILED},
    RefundState.SENT: {RefundState.SENT, RefundState.DONE, RefundState.FAILED},
    RefundState.MANUAL: {RefundState.DONE, RefundState.CANCELLED},
    RefundState.FAILED: {RefundState.REQUESTED, RefundState.DONE, RefundState.CANCELLED},
    RefundState.CANCELLED: {RefundState.DONE},  # only if the gateway reports it after all
    RefundState.DONE: set[RefundState](),
}


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund. `key` is its idempotency key at the gateway, which pays each key out once."""

    id: int
    order_id: int
    attempt_id: int
    number: int
    key: str
    amount: Rupiah
    channel: RefundChannel
    state: RefundState
    reason: str
    reference: str
    gateway_message: str
    refunded_externally: Rupiah
    attempt_count: int


def validate_transition(refund: Refund, to: RefundState) -> RefundState:
    """Return the new state; refuses a transition that is not in ALLOWED_TRANSITIONS."""
    if to not in ALLOWED_TRANSITIONS[refund.state]:
        raise ImpossibleTransition(f"refund {refund.key}: {refund.state} -> {to}")
    return to


def refund_key(attempt_key: str, number: int) -> str:
    """Return the key of a refund at the gateway; it is never reused."""
    return f"{attempt_key}-R{number}"


@dataclass(frozen=True, slots=True)
class PaymentBalance:
    """The money of one payment attempt: amount paid, and amount refunded or promised."""

    attempt_id: int
    key: str
    state: AttemptState
    payment_type: str
    amount: Rupiah
    refunded_or_promised: Rupiah
    began_at: datetime
    is_requested_amount: bool = True

    @property
    def received(self) -> Rupiah:
        """Return the amount received and not reversed or charged back by a bank."""
        lost = {AttemptState.REVERSED, AttemptState.CHARGED_BACK}
        return self.amount if self.state.has_taken_money and self.state not in lost else ZERO

    @property
    def refundable(self) -> Rupiah:
        """Return the amount that can still be refunded."""
        return self.received - min(self.received, self.refunded_or_promised)

    @property
    def is_untouched(self) -> bool:
        """Return whether nothing of the payment was refunded, promised or lost."""
        return self.refundable == self.amount

    @property
    def pays_in_full(self) -> bool:
        """Return whether the payment can complete an order without a decision of staff."""
        return self.is_untouched and self.is_requested_amount


def refunded_through_gateway(refunds: Iterable[Refund], reported: Rupiah) -> Rupiah:
    """Return the amount of one attempt refunded by the gateway: its report, or more if known."""
    known = total(
        refund.amount
        for refund in refunds
        if refund.state is RefundState.DONE and refund.channel is not RefundChannel.MANUAL
    )
    return max(known, reported)


def total_refunded(refunds: Sequence[Refund], reported: Rupiah) -> Rupiah:
    """Return the amount of one attempt refunded by any channel."""
    by_hand = total(
        refund.amount
        for refund in refunds
        if refund.state is RefundState.DONE and refund.channel is RefundChannel.MANUAL
    )
    return refunded_through_gateway(refunds, reported) + by_hand


def refunded_externally(refunds: Sequence[Refund], reported: Rupiah) -> Rupiah:
    """Return the amount of one attempt refunded by the gateway without our request."""
    requested_by_us = total(
        refund.amount
        for refund in refunds
        if refund.state is RefundState.DONE and refund.channel is RefundChannel.GATEWAY
    )
    return refunded_through_gateway(refunds, reported) - requested_by_us


def total_refunded_or_promised(refunds: Sequence[Refund], reported: Rupiah) -> Rupiah:
    """Return the amount of one attempt that is refunded or promised, so not available any more."""
    promised = total(refund.amount for refund in refunds if refund.state.is_outstanding)
    return total_refunded(refunds, reported) + promised


@dataclass(frozen=True, slots=True)
class GatewayRefundTerms:
    """The gateway's refund rules for one payment method."""

    allows_partial: bool
    max_days: int | None


# Midtrans, "Refund"; the longest where it names several periods: it refuses shorter ones itself
GATEWAY_REFUND_TERMS = {
    "credit_card": GatewayRefundTerms(allows_partial=True, max_days=None),
    "gopay": GatewayRefundTerms(allows_partial=True, max_days=180),
    "qris": GatewayRefundTerms(allows_partial=True, max_days=45),
    "dana": GatewayRefundTerms(allows_partial=True, max_days=45),
    "kredivo": GatewayRefundTerms(allows_partial=True, max_days=14),
    "akulaku": GatewayRefundTerms(allows_partial=True, max_days=None),
    "shopeepay": GatewayRefundTerms(allows_partial=False, max_days=365),
    "ovo": GatewayRefundTerms(allows_partial=False, max_days=180),
}


@dataclass(frozen=True, slots=True)
class RefundPart:
    """An amount of one payment to be refunded; `reason` explains a manual channel."""

    attempt_id: int
    attempt_key: str
    amount: Rupiah
    channel: RefundChannel
    reason: str


def build_refund_part(payment: PaymentBalance, amount: Rupiah, *, at: datetime) -> RefundPart:
    """Choose the refund channel for an amount of a payment."""
    reason = _manual_refund_reason(payment, amount, at=at)
    channel = RefundChannel.MANUAL if reason else RefundChannel.GATEWAY
    return RefundPart(payment.attempt_id, payment.key, amount, channel, reason)


def pay_by_hand(part: RefundPart) -> RefundPart:
    """Return the part as paid back by staff, although the gateway may be able to."""
    if part.channel is RefundChannel.MANUAL:
        return part
    return replace(part, channel=RefundChannel.MANUAL, reason="staff pay it back by hand")


def _manual_refund_reason(payment: PaymentBalance, amount: Rupiah, *, at: datetime) -> str:
    kind = payment.payment_type
    terms = GATEWAY_REFUND_TERMS.get(kind)
    if terms is None:
        return f"{kind or 'an unknown payment method'} cannot be refunded through the gateway"
    if not terms.allows_partial and amount != payment.amount:
        return f"{kind} can only be refunded in full"
    if terms.max_days is not None and at - payment.began_at > timedelta(days=terms.max_days):
        return f"{kind} is refunded within {terms.max_days} days"
    if payment.state is AttemptState.PARTLY_CHARGED_BACK:
        return "the bank charged a part back"
    return ""


def split_refund(
    payments: Iterable[PaymentBalance], amount: Rupiah, *, at: datetime
) -> tuple[RefundPart, ...]:
    """Split an amount over payments in their order; refuses more than is refundable."""
    parts, remaining = list[RefundPart](), amount
    for payment in payments:
        share = min(remaining, payment.refundable)
        if share > ZERO:
            parts.append(build_refund_part(payment, share, at=at))
            remaining = remaining - share
    if remaining > ZERO:
        raise RefundRefused(
            f"{amount} cannot be refunded: only {amount - remaining} is left of the payments",
            left=(amount - remaining).amount,
        )
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class RefundFee:
    """A percentage of the price of each place plus a fixed amount per place."""

    percent: int = 0
    each: Rupiah = ZERO

    def __post_init__(self) -> None:
        """Refuse a percentage outside 0 to 100."""
        if not 0 <= self.percent <= 100:  # noqa: PLR2004 - per cent
            raise RefundRefused(f"a fee of {self.percent} % is out of range; write 0 to 100")

    def changed(self, percent: int | None, each: int | None) -> "RefundFee":
        """Return the fee with another percentage or rupiah per place; None keeps a value."""
        return RefundFee(
            self.percent if percent is None else percent,
            self.each if each is None else Rupiah(each),
        )

    def amount_kept(self, worth: Rupiah, places: int) -> Rupiah:
        """Return the amount kept for `places` places worth `worth` together, at most `worth`."""
        return min(worth, worth.percent(self.percent) + self.each * places)


NO_FEE = RefundFee()
