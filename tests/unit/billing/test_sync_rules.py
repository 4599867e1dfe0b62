"""Tests of the rules of a sync: retries, the breaker, the pace, changes, estimates."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.billing.sources.contract import (
    Bill,
    FailedFetch,
    FailureClass,
    FetchedRecord,
    PaymentState,
)
from ticketing.billing.sync.estimate import estimate
from ticketing.billing.sync.failure_policy import (
    BREAKER_FAILURES,
    BREAKER_PAUSE_SECONDS,
    MAX_PROBES,
    SourceHealth,
    next_step,
)
from ticketing.billing.sync.pacing.concurrency import Concurrency
from ticketing.billing.sync.pacing.pace import (
    Pace,
    initial_pace,
    pace_after_quiet,
    pace_after_refusal,
)
from ticketing.billing.sync.records.bill_json import record_from_json, record_to_json
from ticketing.billing.sync.records.record_change import (
    compare,
    find_unstorable,
    holds_leavers,
    holds_records,
)

NOW = datetime(2026, 2, 10, 8, 0, tzinfo=UTC)


def failed(kind: FailureClass, **more: object) -> FailedFetch:
    """Return a failed attempt."""
    return FailedFetch("01", kind, "why", **more)  # type: ignore[arg-type]


def bill(ref: str, *, paid: int = 0, paid_at: date | datetime | None = None) -> Bill:
    """Return a bill of 100."""
    return Bill(ref, "SPP", None, Decimal(100), Decimal(paid), PaymentState.PARTIAL, None, paid_at)


@pytest.mark.parametrize(
    ("kind", "tries"),
    [
        (FailureClass.TIMEOUT, 3),
        (FailureClass.UNAVAILABLE, 3),
        (FailureClass.BAD_DATA, 2),
        (FailureClass.WRONG_OWNER, 2),
    ],
)
def test_each_class_has_its_number_of_tries_and_growing_waits(
    kind: FailureClass, tries: int
) -> None:
    steps = [
        next_step(failed(kind), attempts=number, first_failed_at=NOW, was_deferred=False, at=NOW,
                  jitter=0.5)
        for number in range(1, tries + 1)
    ]  # fmt: skip

    waits = [one.next_attempt_at and one.next_attempt_at - NOW for one in steps]
    assert waits == [*(timedelta(seconds=2**number) for number in range(tries - 1)), None]
    assert all(one.counts for one in steps)


def test_a_student_is_given_up_after_600_seconds() -> None:
    step = next_step(
        failed(FailureClass.TIMEOUT), attempts=2, first_failed_at=NOW - timedelta(seconds=600),
        was_deferred=False, at=NOW, jitter=0.5,
    )  # fmt: skip

    assert step.next_attempt_at is None


def test_a_refusal_for_the_rate_is_no_try_of_the_student() -> None:
    step = next_step(
        failed(FailureClass.THROTTLED), attempts=9, first_failed_at=NOW - timedelta(hours=1),
        was_deferred=False, at=NOW, jitter=0.5,
    )  # fmt: skip

    assert (step.next_attempt_at, step.counts) == (NOW, False)


def test_the_breaker_pauses_then_probes_and_gives_up_in_the_end() -> None:
    health, away, at = SourceHealth(), failed(FailureClass.UNAVAILABLE), 0.0
    first = [health.record_failure(away, at=at) for _ in range(BREAKER_FAILURES)]
    on_its_way = health.record_failure(away, at=at + 1)
    probes = []
    for _ in range(MAX_PROBES):
        at += BREAKER_PAUSE_SECONDS
        probes.append(health.record_failure(away, at=at))

    assert [one.pause_seconds for one in first] == [0] * (BREAKER_FAILURES - 1) + [30]
    assert (on_its_way.pause_seconds, on_its_way.stop) == (0, None)
    assert [one.stop for one in probes] == [None] * (MAX_PROBES - 1) + [away]
    health.record_success()
    assert not health.is_probing


@pytest.mark.parametrize(
    ("kind", "count"), [(FailureClass.WRONG_OWNER, 3), (FailureClass.REFUSED, 3)]
)
def test_three_records_of_others_or_three_refusals_stop_the_run(
    kind: FailureClass, count: int
) -> None:
    health = SourceHealth()

    actions = [health.record_failure(failed(kind), at=0.0) for _ in range(count)]

    assert [one.stop is not None for one in actions] == [False, False, True]


def test_a_known_limit_is_used_to_96_percent_and_a_small_one_to_92() -> None:
    assert initial_pace(500).rate == pytest.approx(480)
    assert initial_pace(5).rate == pytest.approx(4.6)


def test_an_unknown_limit_is_learnt_and_then_kept() -> None:
    pace = initial_pace(None)
    for _ in range(20):
        pace = pace_after_quiet(pace, seconds=0.25, was_busy=True)

    learnt = pace_after_refusal(pace, 300, is_repeated=False)

    assert pace.rate > 400
    assert (learnt.rate, learnt.is_learning) == (pytest.approx(288), False)
    assert pace_after_quiet(learnt, seconds=59, was_busy=True) == learnt
    assert pace_after_quiet(learnt, seconds=60, was_busy=True).rate == pytest.approx(293.76)


def test_one_refusal_of_a_known_limit_costs_little_and_a_second_one_halves_at_most() -> None:
    pace = initial_pace(500)

    once = pace_after_refusal(pace, 10, is_repeated=False)
    twice = pace_after_refusal(once, 10, is_repeated=True)

    assert once.rate == pytest.approx(0.98 * 480)
    assert twice.rate == pytest.approx(0.98 * 0.5 * once.rate)


@given(
    st.floats(0.1, 2000), st.floats(0, 5000),
    st.one_of(st.none(), st.floats(1, 2000)), st.booleans(),
)  # fmt: skip
def test_a_refusal_never_raises_the_rate_and_quiet_never_exceeds_the_limit(
    rate: float, passed: float, limit: float | None, learning: bool
) -> None:
    pace = Pace(rate, learning, limit)

    for is_repeated in (True, False):
        slower = pace_after_refusal(pace, passed, is_repeated=is_repeated)
        assert 0.1 <= slower.rate <= max(rate, 0.1)
    faster = pace_after_quiet(pace, seconds=60, was_busy=True)
    assert faster.rate <= pace.ceiling + 1e-9


def test_concurrency_halves_once_for_time_outs_that_come_together() -> None:
    gate = Concurrency(16)

    for _ in range(5):
        gate.record(is_timeout=True)
    halved = gate.allowed
    for _ in range(8):
        gate.record(is_timeout=False)

    assert (halved, gate.allowed) == (8, 9)


def test_a_date_and_an_instant_on_it_are_different_payments() -> None:
    on_a_day = bill("a", paid_at=date(2026, 2, 10))
    at_midnight = bill("a", paid_at=datetime(2026, 2, 10, tzinfo=UTC))

    assert compare({"a": on_a_day}, [at_midnight]).changed == (at_midnight,)
    assert compare({"a": on_a_day}, [on_a_day]).changed == ()


refs = st.lists(st.sampled_from("abcdef"), unique=True)


@given(refs, refs)
def test_every_bill_appears_stays_or_vanishes(before: list[str], after: list[str]) -> None:
    change = compare({ref: bill(ref) for ref in before}, [bill(ref, paid=1) for ref in after])

    assert {one.source_ref for one in change.appeared} == set(after) - set(before)
    assert {one.source_ref for one in change.changed} == set(after) & set(before)
    assert set(change.vanished) == set(before) - set(after)
    assert change.loses_too_much == (2 * len(change.vanished) > len(before))


@pytest.mark.parametrize(
    ("absent", "known", "listed", "held"),
    [
        (0, 100, 100, False),
        (10, 20, 10, False),
        (11, 110, 99, False),
        (11, 109, 98, True),
        (3, 3, 0, True),
    ],
)
def test_leavers_are_held_above_ten_and_ten_percent_or_for_an_empty_list(
    absent: int, known: int, listed: int, held: bool
) -> None:
    assert holds_leavers(absent, known, listed=listed) is held


def test_records_are_held_above_two_percent() -> None:
    assert not holds_records(2, 100)
    assert holds_records(3, 100)


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (FetchedRecord("1", "{}", "c", None, (bill("a"), bill("a"))), "twice"),
        (FetchedRecord("1", "{}", "c", None, (bill("a\0"),)), "characters"),
        (FetchedRecord("1", '"\ud800"', "c", None, ()), "characters"),
    ],
)
def test_what_cannot_be_stored_is_named(record: FetchedRecord, word: str) -> None:
    assert word in find_unstorable(record)


def test_a_held_record_comes_back_as_it_was() -> None:
    bills = (
        bill("a", paid_at=date(2026, 2, 10)),
        bill("b", paid_at=datetime(2026, 2, 10, 23, 30, tzinfo=UTC)),
    )
    record = FetchedRecord("0001", '{"a": 1.10}', "sum", 'W/"x"', bills)

    assert record_from_json(record_to_json(record, "m1")) == (record, "m1")


def test_the_estimate_has_the_range_of_its_slices() -> None:
    samples = [(float(second), 10 * second) for second in range(31)]
    samples += [(31.0 + second, 310 + 5 * second) for second in range(30)]

    found = estimate(samples, 100, at=61.0)

    assert found is not None
    assert found.fastest == pytest.approx(10, abs=0.5)
    assert found.slowest == pytest.approx(20, abs=0.5)
    assert found.seconds is not None
    assert found.fastest is not None
    assert found.fastest < found.seconds < 20


def test_without_recent_samples_nothing_is_estimated_and_a_standstill_has_no_end() -> None:
    samples = [(float(second), 7) for second in range(10)]

    assert estimate(samples[:2], 5, at=2.0) is None
    assert estimate(samples, 5, at=60.0) is None
    still = estimate(samples, 5, at=10.0)
    assert still is not None
    assert (still.rate, still.seconds) == (0.0, None)
