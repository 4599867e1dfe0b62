"""Tests of payment attempts: duplicate, late or unordered statuses end in the same state."""

from collections.abc import Callable
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.orders.order import OrderState
from ticketing.orders.payment_attempt import (
    AttemptReference,
    AttemptState,
    ExpiryDecision,
    OrderAction,
    PaymentTransition,
    decide_expiry,
    merge_state,
    new_transitions,
    order_action,
    state_from_midtrans,
    transitions_up_to,
)

S = AttemptState
MergeAll = Callable[[list[AttemptState]], tuple[AttemptState, list[PaymentTransition]]]
# the roads that the gateway's documentation allows, without those on which a bank takes money away
ROADS = (
    (S.PENDING,),
    (S.PENDING, S.SETTLED),
    (S.PENDING, S.CAPTURED, S.SETTLED),
    (S.CHALLENGE, S.CAPTURED, S.SETTLED),
    (S.PENDING, S.AUTHORIZED, S.CAPTURED, S.SETTLED),
    (S.PENDING, S.DENIED),
    (S.PENDING, S.FAILED),
    (S.PENDING, S.EXPIRED),
    (S.PENDING, S.CANCELLED),
    (S.CHALLENGE, S.CANCELLED),
    (S.PENDING, S.EXPIRED, S.SETTLED),
    (S.PENDING, S.SETTLED, S.REFUNDED),
    (S.PENDING, S.SETTLED, S.PARTLY_REFUNDED, S.REFUNDED),
    (S.PENDING, S.CAPTURED, S.SETTLED, S.CHARGED_BACK),
    (S.PENDING, S.CAPTURED, S.SETTLED, S.PARTLY_CHARGED_BACK, S.CHARGED_BACK),
)


@pytest.fixture(scope="module")
def merge_all() -> MergeAll:
    """Return a function that merges statuses; returns the state and all transitions."""

    def merge(statements: list[AttemptState]) -> tuple[AttemptState, list[PaymentTransition]]:
        state, milestones = S.CREATED, list[PaymentTransition]()
        for said in statements:
            before, state = state, merge_state(state, said)
            milestones += new_transitions(before, state)
        return state, milestones

    return merge


@pytest.mark.parametrize(
    ("order_id", "transaction_id", "echoed_key", "is_ours"),
    [
        ("ORD-A-01", "any", "", True),
        ("tx-of-a", "tx-of-a", "", True),  # named by a transaction of our notification
        ("tx-new", "tx-new", "ORD-A-01", True),  # no notification arrived
        ("tx-new", "tx-new", "", False),
        ("ORD-B-01", "tx-of-a", "", False),
        ("ORD-B-01", "tx-of-b", "ORD-A-01", False),
    ],
)
def test_an_answer_is_about_an_attempt_by_its_key_or_a_known_transaction(
    order_id: str, transaction_id: str, echoed_key: str, *, is_ours: bool
) -> None:
    reference = AttemptReference("ORD-A-01", ("tx-of-a",))

    assert is_ours == reference.is_described_by(
        order_id=order_id, transaction_id=transaction_id, echoed_key=echoed_key
    )


@given(st.sampled_from(ROADS), st.data())
def test_statuses_in_any_order_and_repetition_give_the_same_state(
    merge_all: MergeAll, road: tuple[AttemptState, ...], data: st.DataObject
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(road), max_size=6))
    muddled = data.draw(st.permutations([*road, *repeated]))

    state, milestones = merge_all(muddled)

    assert state is road[-1]
    assert milestones == list(transitions_up_to(road[-1]))


@given(st.lists(st.sampled_from(S)))
def test_a_captured_payment_is_never_lost(
    merge_all: MergeAll, statements: list[AttemptState]
) -> None:
    state, milestones = merge_all(statements)

    took_money = any(said.has_taken_money for said in statements)
    assert state.has_taken_money == took_money == (PaymentTransition.MONEY_TAKEN in milestones)


@given(st.lists(st.sampled_from(S)))
def test_no_transition_happens_twice(merge_all: MergeAll, statements: list[AttemptState]) -> None:
    _, milestones = merge_all(statements)

    assert len(milestones) == len(set(milestones))


@pytest.mark.parametrize("taken", [S.CAPTURED, S.SETTLED])
@pytest.mark.parametrize("reversal", [S.DENIED, S.CANCELLED])
@given(late=st.lists(st.sampled_from([S.PENDING, S.CAPTURED, S.SETTLED, S.DENIED, S.CANCELLED])))
def test_a_bank_reversal_is_final(
    taken: AttemptState, reversal: AttemptState, late: list[AttemptState]
) -> None:
    reversed_state = merge_state(taken, reversal)

    assert new_transitions(taken, reversed_state) == (PaymentTransition.MONEY_REVERSED,)
    assert reduce(merge_state, late, reversed_state) is S.REVERSED


@pytest.mark.parametrize("paid", [S.CAPTURED, S.SETTLED, S.PARTLY_REFUNDED, S.REFUNDED])
@pytest.mark.parametrize("late", [S.PENDING, S.CHALLENGE, S.EXPIRED, S.FAILED, S.AUTHORIZED])
def test_a_late_status_changes_nothing(paid: AttemptState, late: AttemptState) -> None:
    assert merge_state(paid, late) is paid


@pytest.mark.parametrize(
    ("state", "is_open"),
    [(S.CREATED, True), (S.PENDING, True), (S.CHALLENGE, True), (S.AUTHORIZED, True),
     (S.DENIED, False), (S.EXPIRED, False), (S.SETTLED, False), (S.REVERSED, False)],
)  # fmt: skip
def test_an_attempt_is_open_while_it_can_be_paid(state: AttemptState, is_open: bool) -> None:
    assert state.is_open is is_open


def test_capture_and_settlement_are_one_payment() -> None:
    assert new_transitions(S.CREATED, S.CAPTURED) == (PaymentTransition.MONEY_TAKEN,)
    assert new_transitions(S.CAPTURED, S.SETTLED) == ()


@pytest.mark.parametrize(
    ("transition", "order", "by_this", "twice", "action"),
    [
        (PaymentTransition.MONEY_TAKEN, OrderState.PENDING, False, False, OrderAction.COMPLETE),
        (PaymentTransition.MONEY_TAKEN, OrderState.EXPIRED, False, False,
         OrderAction.COMPLETE_IF_IN_STOCK),
        (PaymentTransition.MONEY_TAKEN, OrderState.CANCELLED, False, False, OrderAction.REVIEW),
        (PaymentTransition.MONEY_TAKEN, OrderState.PAID, False, False, OrderAction.REVIEW),
        (PaymentTransition.MONEY_RETURNED, OrderState.PAID, True, False, OrderAction.REVIEW),
        (PaymentTransition.MONEY_REVERSED, OrderState.PAID, True, False, OrderAction.REVERSE),
        (PaymentTransition.MONEY_REVERSED, OrderState.PAID, True, True, OrderAction.REVIEW),
        (PaymentTransition.MONEY_REVERSED, OrderState.PAID, False, True, OrderAction.REVIEW),
        (PaymentTransition.MONEY_REVERSED, OrderState.CANCELLED, False, False, OrderAction.REVIEW),
    ],
)  # fmt: skip
def test_a_transition_has_its_effect_on_the_order(
    transition: PaymentTransition,
    order: OrderState,
    by_this: bool,
    twice: bool,
    action: OrderAction,
) -> None:
    assert order_action(transition, order, is_paying_attempt=by_this, paid_twice=twice) is action


@pytest.mark.parametrize(
    ("attempts", "verdict"),
    [
        pytest.param([], ExpiryDecision.EXPIRE, id="payment was never begun"),
        pytest.param([S.CREATED], ExpiryDecision.EXPIRE, id="the gateway never heard of it"),
        pytest.param([S.DENIED, S.EXPIRED], ExpiryDecision.EXPIRE, id="every attempt failed"),
        pytest.param([S.EXPIRED, S.SETTLED], ExpiryDecision.LEAVE, id="paid after all"),
        pytest.param([None, S.CAPTURED], ExpiryDecision.LEAVE, id="paid, whatever else is unclear"),
        pytest.param([S.PENDING], ExpiryDecision.STUCK, id="may still be paid"),
        pytest.param([S.CHALLENGE], ExpiryDecision.STUCK, id="under review"),
        pytest.param([S.AUTHORIZED], ExpiryDecision.STUCK, id="money reserved"),
        pytest.param([S.EXPIRED, None], ExpiryDecision.STUCK, id="no clear answer"),
    ],
)
def test_an_overdue_order_is_expired_awaited_or_paid_by_its_attempts(
    attempts: list[AttemptState | None], verdict: ExpiryDecision
) -> None:
    assert decide_expiry(attempts) is verdict


@pytest.mark.parametrize(
    ("status", "fraud", "state"),
    [
        ("settlement", "accept", S.SETTLED),
        ("settlement", "", S.SETTLED),
        ("SETTLEMENT", "ACCEPT", S.SETTLED),
        ("settlement", "challenge", S.CHALLENGE),
        ("capture", "accept", S.CAPTURED),
        ("capture", "challenge", S.CHALLENGE),
        ("capture", "deny", S.CHALLENGE),
        ("deny", "accept", S.DENIED),
        ("expire", "", S.EXPIRED),
    ],
)
def test_transaction_and_fraud_status_give_the_state(
    status: str, fraud: str, state: AttemptState
) -> None:
    assert state_from_midtrans(status, fraud) is state


@pytest.mark.parametrize("status", ["paid", "", "reversal", "created"])
def test_unknown_gateway_statuses_are_refused(status: str) -> None:
    with pytest.raises(ValueError, match=r"is an internal state|valid"):
        state_from_midtrans(status, "accept")
