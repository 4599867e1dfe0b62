"""Payment attempts: what a gateway says of them, and what that means for their order.

Notices come twice, late and out of order, so an attempt only ever climbs: what it has reached is
the highest rank anybody truthfully told. The one way back, a bank that takes settled money away,
is a rank of its own at the top.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ticketing.orders.order import OrderState
from ticketing.platform.kernel.money import Rupiah


class AttemptState(StrEnum):
    """How far an attempt has come, lowest rank first: the order of these lines is the rule."""

    CREATED = "created"  # by us; the gateway has not been heard
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
    REVERSED = "reversal"  # ours: the gateway says deny or cancel of what was captured or settled

    @property
    def rank(self) -> int:
        """A higher one is never overwritten by a lower one."""
        return _RANKS[self]

    @property
    def has_taken_money(self) -> bool:
        """Whether money was received, whatever became of it since."""
        return self.rank >= AttemptState.CAPTURED.rank

    @property
    def is_open(self) -> bool:
        """Whether it can still be paid, so that no other must be begun."""
        return not self.has_failed and not self.has_taken_money

    @property
    def has_failed(self) -> bool:
        """Whether the attempt ended without money; the buyer may begin another."""
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
    """The state in Midtrans' two words `transaction_status` and `fraud_status` ("" if absent).

    Money counts as taken only when nobody suspects it. Raises ValueError for unknown words.
    """
    state = AttemptState(status.lower())
    if state in {AttemptState.CREATED, AttemptState.REVERSED}:
        raise ValueError(f"{status!r} is our own word, no gateway's")
    if state in _REVERSIBLE_STATES and fraud.lower() not in {"", "accept"}:
        return AttemptState.CHALLENGE
    return state


@dataclass(frozen=True, slots=True)
class ReportedRefund:
    """One refund as the gateway tells it; the key is empty when it was given none."""

    key: str
    amount: Rupiah


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """What the gateway itself answers when asked about an attempt. `refunded` is all so far."""

    attempt_key: str
    transaction_id: str
    state: AttemptState
    amount: Rupiah
    refunded: Rupiah
    payment_type: str = ""
    refunds: tuple[ReportedRefund, ...] = ()


def merge_state(before: AttemptState, reported: AttemptState) -> AttemptState:
    """The state after one more statement; what is late or repeated changes nothing."""
    if before in _REVERSIBLE_STATES and reported in _REVERSING_STATES:
        return AttemptState.REVERSED
    return max(before, reported, key=lambda state: state.rank)


class PaymentTransition(StrEnum):
    """What an attempt passes at most once, whatever road it takes."""

    MONEY_TAKEN = "money taken"
    MONEY_RETURNED = "money returned"  # refunded or charged back, in part or whole
    MONEY_REVERSED = "money reversed"  # never truly received


def transitions_up_to(state: AttemptState) -> tuple[PaymentTransition, ...]:
    """Everything that lies behind a state: money that was returned had been taken."""
    if not state.has_taken_money:
        return ()
    if state is AttemptState.REVERSED:
        return (PaymentTransition.MONEY_TAKEN, PaymentTransition.MONEY_REVERSED)
    if state.rank > AttemptState.SETTLED.rank:
        return (PaymentTransition.MONEY_TAKEN, PaymentTransition.MONEY_RETURNED)
    return (PaymentTransition.MONEY_TAKEN,)


def new_transitions(before: AttemptState, after: AttemptState) -> tuple[PaymentTransition, ...]:
    """The milestones between two states, in the order they lie."""
    behind = transitions_up_to(before)
    return tuple(milestone for milestone in transitions_up_to(after) if milestone not in behind)


class OrderAction(StrEnum):
    """What has to happen to an order."""

    COMPLETE = "complete"
    COMPLETE_IF_IN_STOCK = "complete if stock is left"
    REVERSE = "reverse"
    REVIEW = "review"  # a person decides


def order_action(
    transition: PaymentTransition, order: OrderState, *, is_paying_attempt: bool, paid_twice: bool
) -> OrderAction:
    """What a milestone of one attempt means for the order as it stands.

    Money for a cancelled order, or a second time, is never kept in silence and never sent back
    by a machine: a person decides. So is whether tickets die with a refund.
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
    """What becomes of a pending order whose time is up."""

    EXPIRE = "expire"
    LEAVE = "leave"  # paid after all
    STUCK = "stuck"  # the gateway may still take the money


def decide_expiry(attempts: Iterable[AttemptState | None]) -> ExpiryDecision:
    """Judge by what the gateway says now of each attempt; None: it gave no clear answer."""
    said = list(attempts)
    if any(state is not None and state.has_taken_money for state in said):
        return ExpiryDecision.LEAVE
    if all(state is AttemptState.CREATED or (state and state.has_failed) for state in said):
        return ExpiryDecision.EXPIRE
    return ExpiryDecision.STUCK
