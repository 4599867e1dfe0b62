"""Refunds: which way money goes back, how far it has come, and how much of a payment is left.

What goes back for which places is planned in `refund_plans`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ticketing.orders.payment_attempt import AttemptState
from ticketing.platform.kernel.errors import ImpossibleTransition, RefundRefused
from ticketing.platform.kernel.money import ZERO, Rupiah, total


class RefundChannel(StrEnum):
    """The way back."""

    GATEWAY = "gateway"
    MANUAL = "manual"  # a person transfers it, and says so
    EXTERNAL = "elsewhere"  # made in the gateway's dashboard; we were told


class RefundState(StrEnum):
    """How far a refund has come."""

    REQUESTED = "requested"  # decided; the gateway was not asked, or has to be asked again
    SENT = "sent"  # the gateway may have been asked: its answer is not known yet
    DONE = "done"
    MANUAL = "manual"  # waits for a person's transfer
    FAILED = "failed"  # the gateway refused: the money is still owed
    CANCELLED = "dropped"  # a person decided that it is not owed

    @property
    def is_outstanding(self) -> bool:
        """Whether money is promised that has not gone back yet, as far as we know."""
        return self not in {RefundState.DONE, RefundState.CANCELLED}


ALLOWED_TRANSITIONS = {
    RefundState.REQUESTED: {RefundState.SENT, RefundState.DONE, RefundState.FAILED},
    RefundState.SENT: {RefundState.SENT, RefundState.DONE, RefundState.FAILED},
    RefundState.MANUAL: {RefundState.DONE, RefundState.CANCELLED},
    RefundState.FAILED: {RefundState.REQUESTED, RefundState.DONE, RefundState.CANCELLED},
    RefundState.CANCELLED: {RefundState.DONE},  # only when the gateway tells of it after all
    RefundState.DONE: set[RefundState](),
}


@dataclass(frozen=True, slots=True)
class Refund:
    """One sum on its way back. `key` is its name at the gateway, which moves money once a key."""

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
    said: str
    elsewhere: Rupiah
    tries: int


def validate_transition(refund: Refund, to: RefundState) -> RefundState:
    """The state to go to; refuses a move that is not in the table."""
    if to not in ALLOWED_TRANSITIONS[refund.state]:
        raise ImpossibleTransition(f"refund {refund.key}: {refund.state} -> {to}")
    return to


def refund_key(attempt_key: str, number: int) -> str:
    """The name of an order's refund at the gateway: one of its own, never used again."""
    return f"{attempt_key}-R{number}"


@dataclass(frozen=True, slots=True)
class PaymentBalance:
    """One attempt's money. `gone` went back or is promised to; `began_at` is when it was begun."""

    attempt_id: int
    key: str
    state: AttemptState
    payment_type: str
    amount: Rupiah
    refunded_or_promised: Rupiah
    began_at: datetime

    @property
    def received(self) -> Rupiah:
        """What was received and not taken away again by a bank."""
        lost = {AttemptState.REVERSED, AttemptState.CHARGED_BACK}
        return self.amount if self.state.has_taken_money and self.state not in lost else ZERO

    @property
    def refundable(self) -> Rupiah:
        """What can still go back."""
        return self.received - min(self.received, self.refunded_or_promised)


def refunded_through_gateway(refunds: Iterable[Refund], reported: Rupiah) -> Rupiah:
    """What went back of one attempt through the gateway: what it tells, or more if we know more."""
    known = total(
        refund.amount
        for refund in refunds
        if refund.state is RefundState.DONE and refund.channel is not RefundChannel.MANUAL
    )
    return max(known, reported)


def total_refunded(refunds: Sequence[Refund], reported: Rupiah) -> Rupiah:
    """What went back of one attempt, whichever way."""
    by_hand = total(
        refund.amount
        for refund in refunds
        if refund.state is RefundState.DONE and refund.channel is RefundChannel.MANUAL
    )
    return refunded_through_gateway(refunds, reported) + by_hand


def refunded_externally(refunds: Sequence[Refund], reported: Rupiah) -> Rupiah:
    """What went back of one attempt through the gateway without our asking."""
    ours = total(
        refund.amount
        for refund in refunds
        if refund.state is RefundState.DONE and refund.channel is RefundChannel.GATEWAY
    )
    return refunded_through_gateway(refunds, reported) - ours


def total_refunded_or_promised(refunds: Sequence[Refund], reported: Rupiah) -> Rupiah:
    """What went back of one attempt or is promised to: it cannot be given a second time."""
    owed = total(refund.amount for refund in refunds if refund.state.is_outstanding)
    return total_refunded(refunds, reported) + owed


@dataclass(frozen=True, slots=True)
class GatewayRefundTerms:
    """What a gateway gives back of one way to pay: parts or only the whole, for so many days."""

    allows_partial: bool
    max_days: int | None


# Midtrans, "Refund"; where it names several spans the longest: a shorter one is refused by itself
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
    """So much of one payment goes back this way; `why` says so when a person has to do it."""

    attempt_id: int
    attempt_key: str
    amount: Rupiah
    channel: RefundChannel
    why: str


def build_refund_part(payment: PaymentBalance, amount: Rupiah, *, at: datetime) -> RefundPart:
    """The way back for so much of a payment."""
    why = _manual_refund_reason(payment, amount, at=at)
    channel = RefundChannel.MANUAL if why else RefundChannel.GATEWAY
    return RefundPart(payment.attempt_id, payment.key, amount, channel, why)


def _manual_refund_reason(payment: PaymentBalance, amount: Rupiah, *, at: datetime) -> str:
    kind = payment.payment_type
    terms = GATEWAY_REFUND_TERMS.get(kind)
    if terms is None:
        return f"{kind or 'an unknown way to pay'} cannot be refunded through the gateway"
    if not terms.allows_partial and amount != payment.amount:
        return f"{kind} is refunded as a whole or not at all"
    if terms.max_days is not None and at - payment.began_at > timedelta(days=terms.max_days):
        return f"{kind} is refunded within {terms.max_days} days"
    if payment.state is AttemptState.PARTLY_CHARGED_BACK:
        return "the bank took a part back"
    return ""


def split_refund(
    payments: Iterable[PaymentBalance], amount: Rupiah, *, at: datetime
) -> tuple[RefundPart, ...]:
    """The amount, taken from these payments in turn; refuses more than is left in them."""
    found, wanted = list[RefundPart](), amount
    for payment in payments:
        share = min(wanted, payment.refundable)
        if share > ZERO:
            found.append(build_refund_part(payment, share, at=at))
            wanted = wanted - share
    if wanted > ZERO:
        raise RefundRefused(
            f"{amount} cannot go back: {amount - wanted} is left of what was paid",
            left=(amount - wanted).amount,
        )
    return tuple(found)
