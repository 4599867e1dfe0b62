"""Tests of the meaning of Meta's error codes, including unknown ones."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.notifications.messages.message import Deferred, FailureScope, PauseScope, Rejected
from ticketing.notifications.whatsapp.cloud import classify_error_code


@pytest.mark.parametrize(
    "code",
    [0, 3, 10, 33, 190, 200, 299, 368, 2500, 131005, 131031, 131037, 131042, 131045, 132001,
     132015, 132016, 133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016, 134011],
)  # fmt: skip
def test_an_error_of_the_account_the_number_or_a_template_stops_the_channel(code: int) -> None:
    said = classify_error_code(code)

    assert isinstance(said, Deferred)
    assert said.pause_scope is PauseScope.CHANNEL


def test_an_unknown_number_stops_the_channel_and_another_parameter_does_not() -> None:
    number, parameter = (classify_error_code(100, subcode=code) for code in (33, 2494010))

    assert isinstance(number, Deferred)
    assert number.pause_scope is PauseScope.CHANNEL
    assert "WHATSAPP_PHONE_ID" in number.reason
    assert isinstance(parameter, Rejected)


def test_an_address_that_meta_does_not_know_stops_the_channel() -> None:
    said = classify_error_code(100, status=404)

    assert isinstance(said, Deferred)
    assert said.pause_scope is PauseScope.CHANNEL


@pytest.mark.parametrize("code", [4, 80007, 130429, 131048, 131057])
def test_a_limit_of_the_number_slows_everything_it_sends(code: int) -> None:
    said = classify_error_code(code, retry_after=timedelta(seconds=9))

    assert isinstance(said, Deferred)
    assert (said.pause_scope, said.retry_after) == (PauseScope.SENDER, timedelta(seconds=9))


@pytest.mark.parametrize("code", [1, 2, 131000, 131016, 131056, 133004])
def test_a_temporary_error_is_retried_for_this_recipient_only(code: int) -> None:
    said = classify_error_code(code)

    assert isinstance(said, Deferred)
    assert said.pause_scope is PauseScope.MESSAGE


@pytest.mark.parametrize(("code", "hours"), [(131048, 6), (131049, 24)])
def test_some_limits_last_for_hours(code: int, hours: int) -> None:
    said = classify_error_code(code)

    assert isinstance(said, Deferred)
    assert said.retry_after == timedelta(hours=hours)


@pytest.mark.parametrize("code", [130472, 130497, 131021, 131026, 131030, 131047])
def test_an_unreachable_recipient_is_sent_to_by_another_channel(code: int) -> None:
    said = classify_error_code(code)

    assert isinstance(said, Rejected)
    assert said.scope is FailureScope.RECIPIENT


def test_a_recipient_who_blocked_us_gets_nothing() -> None:
    said = classify_error_code(131050)

    assert isinstance(said, Rejected)
    assert said.scope is FailureScope.OPTED_OUT


@pytest.mark.parametrize(
    "code", [100, 131008, 131009, 131051, 131052, 131053, 132000, 132005, 132007, 132008,
             132012, 135000]
)  # fmt: skip
def test_a_malformed_message_is_not_retried(code: int) -> None:
    said = classify_error_code(code)

    assert isinstance(said, Rejected)
    assert said.scope is FailureScope.MESSAGE


@given(st.integers(140_000, 150_000), st.sampled_from([400, 500, 503]), st.booleans())
def test_an_unknown_code_is_classified_by_its_http_status(
    code: int, status: int, transient: bool
) -> None:
    said = classify_error_code(code, status=status, transient=transient)

    assert isinstance(said, Deferred) == (transient or status >= 500)
    assert said.code == str(code)


@given(st.integers(0, 200_000), st.sampled_from([400, 401, 403, 429, 500]))
def test_every_code_has_an_outcome_that_names_it(code: int, status: int) -> None:
    said = classify_error_code(code, status=status)

    assert str(code) in said.reason
