"""Tests of the webhook rules: retry times, allowed addresses, message bodies."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.selling.ledger.model import (
    LedgerEntry,
    LedgerEntryKind,
    LedgerTotals,
    format_signed_rupiah,
    sum_entries,
)
from ticketing.webhooks.client import WebhookClient
from ticketing.webhooks.model import (
    CALL_RETRIES,
    CallOutcome,
    WebhookResponse,
    build_message,
    classify_response,
    is_address_allowed,
    parse_kinds,
    validate_url,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SHOP, BANK = UUID(int=1), UUID(int=2)


@given(
    st.lists(
        st.floats(0, 1, exclude_max=True),
        min_size=len(CALL_RETRIES.delays),
        max_size=len(CALL_RETRIES.delays),
    )
)
def test_ten_attempts_take_about_three_days_with_any_jitter(chances: list[float]) -> None:
    at = NOW
    for tries, jitter in enumerate(chances, start=1):
        again = CALL_RETRIES.next_attempt_at(tries, at=at, jitter=jitter)
        assert again is not None
        assert again > at
        at = again

    assert timedelta(days=2.8) <= at - NOW <= timedelta(days=3.5)
    assert CALL_RETRIES.next_attempt_at(CALL_RETRIES.max_attempts, at=at, jitter=0.5) is None


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, timedelta(seconds=5)),
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(days=9), timedelta(days=1)),
    ],
)
def test_a_requested_wait_is_limited_to_a_day(
    retry_after: timedelta | None, wait: timedelta
) -> None:
    assert (
        CALL_RETRIES.next_attempt_at(1, at=NOW, jitter=0.5, retry_after=retry_after) == NOW + wait
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, CallOutcome.DELIVERED),
        (204, CallOutcome.DELIVERED),
        (299, CallOutcome.DELIVERED),
        (301, CallOutcome.RETRY),
        (308, CallOutcome.RETRY),
        (400, CallOutcome.RETRY),
        (404, CallOutcome.RETRY),
        (410, CallOutcome.GONE),
        (429, CallOutcome.RETRY),
        (500, CallOutcome.RETRY),
        (None, CallOutcome.RETRY),
        (100, CallOutcome.RETRY),
    ],
)
def test_only_a_2xx_status_is_a_success(status: int | None, outcome: CallOutcome) -> None:
    assert classify_response(WebhookResponse(status)) is outcome


def test_an_endpoint_is_disabled_after_three_days_without_a_success() -> None:
    three_days = timedelta(days=3)

    assert not CALL_RETRIES.has_timed_out(None, at=NOW)
    assert not CALL_RETRIES.has_timed_out(NOW - three_days + timedelta(seconds=1), at=NOW)
    assert CALL_RETRIES.has_timed_out(NOW - three_days, at=NOW)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "fe80::1%eth0", "fc00::1", "fd12::1",
        "ff02::1", "0.1.2.3",
        "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2001:0:a00:1::",
        "100:0:0:1::1", "3fff::1", "5f00::1", "fec0::1", "192.0.0.8", "192.88.99.1", "2001:db8::1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("allow_loopback", [False, True])
def test_private_addresses_are_never_called(address: str, allow_loopback: bool) -> None:
    assert not is_address_allowed(address, allow_loopback=allow_loopback)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_addresses_are_allowed_with_the_simulator_only(address: str) -> None:
    assert not is_address_allowed(address, allow_loopback=False)
    assert is_address_allowed(address, allow_loopback=True)


@pytest.mark.parametrize("address", ["1.1.1.1", "103.10.20.30", "2606:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_address_allowed(address, allow_loopback=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "127.1"])
def test_a_host_name_of_a_private_address_is_not_called(host: str) -> None:
    answer = WebhookClient().post(f"https://{host}:9/hooks", b"{}", {})

    assert answer.status is None
    assert "not public" in answer.error


def test_https_urls_and_loopback_http_urls_with_the_simulator_are_valid() -> None:
    assert validate_url("https://shop.example/a?b=c", allow_loopback=False)
    assert validate_url("http://localhost:8000/", allow_loopback=True)


@pytest.fixture
def entry() -> LedgerEntry:
    return LedgerEntry(
        7,
        "wisuda-2026",
        "ORD-A",
        LedgerEntryKind.PAID,
        NOW,
        NOW,
        "web",
        "ORD-A",
        0,
        0,
        {"total": 5},
    )


def test_an_entry_has_one_message_id_per_endpoint_and_a_stable_body(
    entry: LedgerEntry,
) -> None:
    assert build_message(SHOP, entry) == build_message(SHOP, entry)
    assert build_message(SHOP, entry).id != build_message(BANK, entry).id


def test_no_kind_named_means_all() -> None:
    assert parse_kinds([]) == tuple(LedgerEntryKind)
    assert parse_kinds(["order.paid"]) == (LedgerEntryKind.PAID,)


def test_sums_keep_their_signs() -> None:
    entries = [
        LedgerEntry(number, "e", "o", LedgerEntryKind.PLACED, NOW, NOW, "", "", sale, money, {})
        for number, (sale, money) in enumerate([(5_000, 0), (0, 5_000), (-5_000, -1_500)])
    ]

    assert sum_entries(entries) == LedgerTotals(3, 0, 3_500)
    assert [format_signed_rupiah(amount) for amount in (1_500_000, -50_000, 0)] == [
        "Rp1.500.000", "-Rp50.000", "",
    ]  # fmt: skip
