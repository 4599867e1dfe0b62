"""When to call again, whom to call at all, and what is said."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.selling.ledger.model import Entry, EntryKind, Sums, signed, sums_of
from ticketing.webhooks.client import HookClient
from ticketing.webhooks.model import (
    GIVEN_UP_AFTER,
    LADDER,
    Answer,
    Verdict,
    checked_url,
    is_given_up,
    kinds_named,
    may_be_called,
    message,
    next_try,
    verdict,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SHOP, BANK = UUID(int=1), UUID(int=2)


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=len(LADDER), max_size=len(LADDER)))
def test_ten_tries_take_about_three_days_whatever_chance_says(chances: list[float]) -> None:
    at = NOW
    for tries, jitter in enumerate(chances, start=1):
        again = next_try(tries, at=at, jitter=jitter)
        assert again is not None
        assert again > at
        at = again

    assert timedelta(days=2.8) <= at - NOW <= timedelta(days=3.5)
    assert next_try(len(LADDER) + 1, at=at, jitter=0.5) is None


@pytest.mark.parametrize(
    ("told", "wait"),
    [
        (None, timedelta(seconds=5)),
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(minutes=10), timedelta(minutes=10)),
        (timedelta(days=9), timedelta(days=1)),
    ],
)
def test_what_was_told_is_waited_for_at_most_a_day(told: timedelta | None, wait: timedelta) -> None:
    assert next_try(1, at=NOW, jitter=0.5, told=told) == NOW + wait


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (200, Verdict.DELIVERED), (204, Verdict.DELIVERED), (299, Verdict.DELIVERED),
        (301, Verdict.AGAIN), (308, Verdict.AGAIN), (400, Verdict.AGAIN), (404, Verdict.AGAIN),
        (410, Verdict.GONE), (429, Verdict.AGAIN), (500, Verdict.AGAIN), (None, Verdict.AGAIN),
        (100, Verdict.AGAIN),
    ],
)  # fmt: skip
def test_only_a_2xx_is_a_yes(status: int | None, means: Verdict) -> None:
    assert verdict(Answer(status)) is means


def test_an_endpoint_is_given_up_after_three_days_without_a_yes() -> None:
    assert not is_given_up(None, at=NOW)
    assert not is_given_up(NOW - GIVEN_UP_AFTER + timedelta(seconds=1), at=NOW)
    assert is_given_up(NOW - GIVEN_UP_AFTER, at=NOW)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "fe80::1%eth0", "fc00::1", "fd12::1",
        "ff02::1", "0.1.2.3",
        "::", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2001:0:a00:1::",
    ],
)  # fmt: skip
@pytest.mark.parametrize("rehearsal", [False, True])
def test_our_own_house_is_never_called(address: str, rehearsal: bool) -> None:
    assert not may_be_called(address, rehearsal=rehearsal)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_called_in_a_rehearsal_only(address: str) -> None:
    assert not may_be_called(address, rehearsal=False)
    assert may_be_called(address, rehearsal=True)


@pytest.mark.parametrize("address", ["1.1.1.1", "103.10.20.30", "2606:4700::1111"])
def test_the_internet_may_be_called(address: str) -> None:
    assert may_be_called(address, rehearsal=False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "127.1"])
def test_a_name_that_leads_home_is_not_followed(host: str) -> None:
    answer = HookClient().post(f"https://{host}:9/hooks", b"{}", {})

    assert answer.status is None
    assert "not on the internet" in answer.error


def test_https_anywhere_and_http_at_home_in_a_rehearsal() -> None:
    assert checked_url("https://shop.example/a?b=c", rehearsal=False)
    assert checked_url("http://localhost:8000/", rehearsal=True)


@pytest.fixture
def entry() -> Entry:
    return Entry(
        7, "wisuda-2026", "ORD-A", EntryKind.PAID, NOW, NOW, "web", "ORD-A", 0, 0, {"total": 5}
    )


def test_the_same_entry_has_one_name_for_each_endpoint_and_always_the_same_bytes(
    entry: Entry,
) -> None:
    assert message(SHOP, entry) == message(SHOP, entry)
    assert message(SHOP, entry).id != message(BANK, entry).id


def test_no_kind_named_means_all() -> None:
    assert kinds_named([]) == tuple(EntryKind)
    assert kinds_named(["order.paid"]) == (EntryKind.PAID,)


def test_sums_keep_their_signs() -> None:
    entries = [
        Entry(number, "e", "o", EntryKind.PLACED, NOW, NOW, "", "", sale, money, {})
        for number, (sale, money) in enumerate([(5_000, 0), (0, 5_000), (-5_000, -1_500)])
    ]

    assert sums_of(entries) == Sums(3, 0, 3_500)
    assert [signed(amount) for amount in (1_500_000, -50_000, 0)] == [
        "Rp1.500.000", "-Rp50.000", "",
    ]  # fmt: skip
