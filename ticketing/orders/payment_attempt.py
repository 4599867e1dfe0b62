"""Payment attempts: the gateway's statuses and their effect on the order.

Notifications arrive twice, late and out of order, so an attempt only moves to a higher rank. The
one way back, a bank that reverses a settled payment, has the highest rank of all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ticketing.orders.order import OrderState
from ticketing.platform.kernel.money import Rupiah


class PaymentMeans(StrEnum):
    """Means of payment of an order: through the gateway, or at the box office."""

    GATEWAY = "gateway"
    CASH = "cash"
    TRANSFER = "transfer"
    COMPLIMENTARY = "complimentary"  # nothing is paid


class AttemptState(StrEnum):
    """The state of a payment attempt, lowest rank first: the order of these lines is the rule."""

    CREATED = "created"  # by us; no answer of the gateway yet
    PENDING = "pending"
    CHALLENGE = "challenge"  # a card under review: not paid
    DENIED = "deny"
    FAILED = "failure"
    EXPIRED = "expire"
    CANCELLED = "cancel"
    AUTHORIZED = "authorize"  # a card's money is reserved: not paid
    CAPTURED = "capture"
    SETTLED = "settlement"
    PARTLY_REFUNDED = "partial_refund"
    PARTLY_CHARGED_BACK = "partial_chargeback"
    REFUNDED = "refund"
    CHARGED_BACK = "chargeback"
    REVERSED = "reversal"  # ours: deny or cancel reported after capture or settlement

    @property
    def rank(self) -> int:
        """Return the rank; a state is never overwritten by one of a lower rank."""
        return _RANKS[self]

    @property
    def has_taken_money(self) -> bool:
        """Return whether money was received, even if it was returned since."""
        return self.rank >= AttemptState.CAPTURED.rank

    @property
    def is_open(self) -> bool:
        """Return whether the attempt can still be paid, so that no other may be started."""
        return not self.has_failed and not self.has_taken_money

    @property
    def is_unused(self) -> bool:
        """Return whether the attempt has no payment, as far as known."""
        return self is AttemptState.CREATED or self.has_failed

    @property
    def has_failed(self) -> bool:
        """Return whether the attempt ended without payment; the buyer may start another."""
        return self in _FAILED


_RANKS = {state: rank for rank, state in enumerate(AttemptState)}
_FAILED = {
    AttemptState.DENIED,
    AttemptState.FAILED,
    AttemptState.EXPIRED,
    AttemptState.CANCELLED,
}
# Midtrans, "Transaction status": a bank may deny a settled payment within minutes, and a captured
# card may be cancelled
_REVERSING_STATES = {AttemptState.DENIED, AttemptState.CANCELLED}
_REVERSIBLE_STATES = {AttemptState.CAPTURED, AttemptState.SETTLED}


def state_from_midtrans(status: str, fraud: str) -> AttemptState:
    """Return the state for Midtrans' `transaction_status` and `fraud_status` ("" if absent).

    A payment under fraud suspicion does not count as received. Raises ValueError for unknown words.
    """
    state = AttemptState(status.lower())
    if state in {AttemptState.CREATED, AttemptState.REVERSED}:
        raise ValueError(f"{status!r} is an internal state; the gateway never sends it")
    if state in _REVERSIBLE_STATES and fraud.lower() not in {"", "accept"}:
        return AttemptState.CHALLENGE
    return state


@dataclass(frozen=True, slots=True)
class AttemptReference:
    """The names of an attempt at the gateway: our key, and the ids of its transactions there.

    The ids come from the attempt and from signed notifications about it.
    """

    key: str
    transaction_ids: tuple[str, ...] = ()

    def is_described_by(self, *, order_id: str, transaction_id: str, echoed_key: str) -> bool:
        """Return whether an answer with these fields is about this attempt.

        For DANA and some virtual accounts the gateway puts the transaction id into `order_id`;
        then the transaction has to be a known one, or the answer has to repeat our key.
        """
        if self.key in {order_id, transaction_id}:
            return True
        is_known = transaction_id in self.transaction_ids or echoed_key == self.key
        return order_id == transaction_id and is_known


@dataclass(frozen=True, slots=True)
class ReportedRefund:
    """One refund as the gateway reports it; the key is empty if the refund has none."""

    key: str
    amount: Rupiah


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """The gateway's own answer about an attempt. `refunded` is the total so far."""

    attempt_key: str
    transaction_id: str
    state: AttemptState
    amount: Rupiah
    refunded: Rupiah
    payment_type: str = ""
    refunds: tuple[ReportedRefund, ...] = ()
    payment_code: str = ""  # virtual account or code to pay to, with its bank or shop


def merge_state(before: AttemptState, reported: AttemptState) -> AttemptState:
    """Return the state after one more report; late or repeated reports change nothing."""
    if before in _REVERSIBLE_STATES and reported in _REVERSING_STATES:
        return AttemptState.REVERSED
    return max(before, reported, key=lambda state: state.rank)


class PaymentTransition(StrEnum):
    """A change that an attempt passes at most once."""

    MONEY_TAKEN = "money taken"
    MONEY_RETURNED = "money returned"  # refunded or charged back, in part or whole
    MONEY_REVERSED = "money reversed"  # never finally received


def transitions_up_to(state: AttemptState) -> tuple[PaymentTransition, ...]:
    """Return all transitions that a state implies: returned money was received before."""
    if not state.has_taken_money:
        return ()
    if state is AttemptState.REVERSED:
        return (PaymentTransition.MONEY_TAKEN, PaymentTransition.MONEY_REVERSED)
    if state.rank > AttemptState.SETTLED.rank:
        return (PaymentTransition.MONEY_TAKEN, PaymentTransition.MONEY_RETURNED)
    return (PaymentTransition.MONEY_TAKEN,)


def new_transitions(before: AttemptState, after: AttemptState) -> tuple[PaymentTransition, ...]:
    """Return the transitions between two states, in order."""
    passed = transitions_up_to(before)
    return tuple(one for one in transitions_up_to(after) if one not in passed)


class OrderAction(StrEnum):
    """The effect of a payment transition on an order."""

    COMPLETE = "complete"
    COMPLETE_IF_IN_STOCK = "complete if stock is left"
    REVERSE = "reverse"
    REVIEW = "review"  # staff decide


def order_action(
    transition: PaymentTransition, order: OrderState, *, is_paying_attempt: bool, paid_twice: bool
) -> OrderAction:
    """Return the effect of a transition of one attempt on its order.

    A payment for a cancelled order, or a second payment, is neither kept silently nor refunded
    automatically: staff decide. Staff also decide whether a refund invalidates tickets.
    """
    if transition is PaymentTransition.MONEY_TAKEN:
        return _ACTION_ON_PAYMENT.get(order, OrderAction.REVIEW)
    if transition is PaymentTransition.MONEY_REVERSED and is_paying_attempt and not paid_twice:
        return OrderAction.REVERSE
    return OrderAction.REVIEW


_ACTION_ON_PAYMENT = {
    OrderState.PENDING: OrderAction.COMPLETE,
    OrderState.EXPIRED: OrderAction.COMPLETE_IF_IN_STOCK,
}


class ExpiryDecision(StrEnum):
    """The decision about a pending order whose reservation has ended."""

    EXPIRE = "expire"
    LEAVE = "leave"  # paid meanwhile
    STUCK = "stuck"  # the gateway may still take the money


def decide_expiry(attempts: Iterable[AttemptState | None]) -> ExpiryDecision:
    """Decide by the gateway's current state of each attempt; None means no clear answer."""
    states = list(attempts)
    if any(state is not None and state.has_taken_money for state in states):
        return ExpiryDecision.LEAVE
    if all(state is not None and state.is_unused for state in states):
        return ExpiryDecision.EXPIRE
    return ExpiryDecision.STUCK
