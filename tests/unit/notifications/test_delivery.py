"""Tests of delivery states under reports in any order, and of retry times."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.notifications.delivery import (
    DELIVERY_RETRIES,
    FALLBACK_ORDER,
    RESENDS,
    Channel,
    DeliveryState,
    is_opt_out_request,
    merge_state,
    next_channel,
    state_from_outcome,
)
from ticketing.notifications.messages.message import (
    Accepted,
    Deferred,
    FailureScope,
    Rejected,
    SendOutcome,
    Unconfirmed,
)

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
STATES = st.sampled_from(DeliveryState)
REPORTS = [DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.READ, DeliveryState.FAILED]
ARRIVED = {DeliveryState.DELIVERED, DeliveryState.READ}


@given(STATES, st.lists(STATES))
def test_within_an_attempt_a_delivery_only_advances(
    before: DeliveryState, told: list[DeliveryState]
) -> None:
    state = before
    for each in told:
        after = merge_state(state, each)
        assert after.rank >= state.rank
        state = after


@given(st.lists(STATES, max_size=6), st.randoms())
def test_the_order_of_reports_makes_no_difference(
    told: list[DeliveryState], chance: object
) -> None:
    shuffled = list(told)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random

    ends = []
    for order in (told, shuffled, told + shuffled):
        state = DeliveryState.CLAIMED
        for each in order:
            state = merge_state(state, each)
        ends.append(state)

    assert len(set(ends)) == 1


@pytest.mark.parametrize("order", list(permutations(REPORTS)), ids="-".join)
def test_a_read_message_stays_read_under_any_other_report(order: tuple[DeliveryState, ...]) -> None:
    state = DeliveryState.CLAIMED
    for each in order:
        state = merge_state(state, each)

    assert state is DeliveryState.READ


@given(st.lists(STATES))
def test_a_delivered_state_is_never_lost(told: list[DeliveryState]) -> None:
    state = DeliveryState.CLAIMED
    for each in told:
        state = merge_state(state, each)

    assert state.has_arrived == bool(ARRIVED & set(told))


@pytest.mark.parametrize(
    ("before", "reported", "after"),
    [
        ("claimed", "sent", "sent"),
        ("unknown", "sent", "sent"),
        ("sent", "failed", "failed"),
        ("sent", "unknown", "sent"),
        ("sent", "error", "sent"),
        ("failed", "sent", "failed"),
        ("failed", "delivered", "delivered"),
        ("delivered", "failed", "delivered"),
        ("read", "delivered", "read"),
    ],
)
def test_a_report_changes_the_state_of_a_delivery(before: str, reported: str, after: str) -> None:
    assert merge_state(DeliveryState(before), DeliveryState(reported)) is DeliveryState(after)


@given(STATES, STATES)
def test_of_an_older_attempt_only_a_delivered_report_counts(
    before: DeliveryState, said: DeliveryState
) -> None:
    after = merge_state(before, said, is_current_attempt=False)

    assert after is (merge_state(before, said) if said in ARRIVED else before)


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Accepted("wamid.1"), DeliveryState.SENT),
        (Rejected("nobody"), DeliveryState.FAILED),
        (Deferred("busy"), DeliveryState.ERROR),
        (Unconfirmed("no answer"), DeliveryState.UNKNOWN),
    ],
)
def test_the_outcome_of_a_call_decides_the_state_of_the_attempt(
    outcome: SendOutcome, state: DeliveryState
) -> None:
    assert state_from_outcome(outcome) is state


def test_a_response_after_the_report_does_not_lower_the_state() -> None:
    told_first = merge_state(DeliveryState.CLAIMED, DeliveryState.DELIVERED)

    assert (
        merge_state(told_first, state_from_outcome(Unconfirmed("no answer")))
        is DeliveryState.DELIVERED
    )
    assert merge_state(told_first, state_from_outcome(Accepted("1"))) is DeliveryState.DELIVERED


@given(st.integers(1, 5), st.floats(0, 1, exclude_max=True))
def test_each_attempt_waits_for_half_to_one_and_a_half_of_its_delay(
    attempts: int, jitter: float
) -> None:
    delay = timedelta(seconds=(30, 120, 600, 3600, 14_400)[attempts - 1])

    at = DELIVERY_RETRIES.next_attempt_at(attempts, at=NOW, jitter=jitter)

    assert at is not None
    assert delay * 0.5 <= at - NOW <= delay * 1.5


def test_the_sixth_failure_is_the_last_and_a_vendor_can_ask_for_a_day() -> None:
    wait = timedelta(days=30)

    assert DELIVERY_RETRIES.next_attempt_at(6, at=NOW, retry_after=wait) is None
    assert DELIVERY_RETRIES.next_attempt_at(5, at=NOW, retry_after=wait) == NOW + timedelta(days=1)


@given(st.sets(st.sampled_from(Channel)), st.sets(st.sampled_from(Channel)))
def test_the_next_channel_is_available_and_untried(
    reachable: set[Channel], tried: set[Channel]
) -> None:
    channel = next_channel(reachable, tried)

    left = [each for each in FALLBACK_ORDER if each in reachable - tried]
    assert channel is (left[0] if left else None)


def test_whatsapp_falls_back_to_mail_and_then_to_a_link() -> None:
    everything = set(Channel)

    first = next_channel(everything, set())
    second = next_channel(everything, {Channel.WHATSAPP})
    third = next_channel(everything, {Channel.WHATSAPP, Channel.MAIL})

    assert (first, second, third) == (Channel.WHATSAPP, Channel.MAIL, Channel.LINK)
    assert next_channel(everything, everything) is None


def test_an_event_can_have_an_order_of_its_own() -> None:
    assert next_channel(set(Channel), set(), (Channel.MAIL, Channel.LINK)) is Channel.MAIL


def test_an_unknown_outcome_is_retried_rarely_and_then_left_to_staff() -> None:
    assert RESENDS[Channel.MAIL].delay(1) == timedelta(minutes=10)
    assert RESENDS[Channel.MAIL].delay(4) is None
    assert RESENDS[Channel.WHATSAPP].delay(1) == timedelta(minutes=30)
    assert RESENDS[Channel.WHATSAPP].delay(2) is None
    assert RESENDS[Channel.LINK].delay(1) is None


@pytest.mark.parametrize("text", ["STOP", "stop", " Berhenti. ", "'stop'", "Henti!\n"])
def test_a_single_word_is_an_opt_out(text: str) -> None:
    assert is_opt_out_request(text)


@pytest.mark.parametrize("text", ["", "Saya mau stop di mana?", "stopkontak", "don't stop"])
def test_a_sentence_is_no_opt_out(text: str) -> None:
    assert not is_opt_out_request(text)


def test_a_rejection_is_by_default_about_the_recipient() -> None:
    assert Rejected("nobody").scope is FailureScope.RECIPIENT
