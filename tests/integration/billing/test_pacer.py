"""Tests of the pace that all processes share through PostgreSQL."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import chain

import pytest

from tests.integration.billing.conftest import Stored, clock
from ticketing.billing.sync.pacing.pace_queries import ensure_source, find_pace
from ticketing.billing.sync.pacing.pacer import Pacer, PacerClosed
from ticketing.platform.db.database import Database

LIMIT = 400


@pytest.fixture
def pacers(database: Database) -> Callable[[int], list[Pacer]]:
    """Return a function that makes pacers of one source with a known limit."""
    database.run(ensure_source, "school", limit=LIMIT, at=clock())
    return lambda count: [Pacer(database, "school") for _ in range(count)]


async def take(pacer: Pacer, seconds: float) -> list[float]:
    """Return the times of the slots taken in so many seconds."""
    times, end = list[float](), time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        await pacer.slot()
        times.append(now)
    return times


def run(work: Callable[[], Awaitable[list[float]]]) -> list[float]:
    """Run a coroutine in an event loop of its own."""
    return asyncio.run(work())  # type: ignore[arg-type]


def test_two_processes_together_stay_below_the_limit(
    pacers: Callable[[int], list[Pacer]],
) -> None:
    async def work() -> list[float]:
        taken = await asyncio.gather(*(take(pacer, 1.0) for pacer in pacers(2)))
        return sorted(chain(*taken))

    times = run(work)

    assert 0.5 * LIMIT < len(times) <= 1.0 * LIMIT + 1
    assert max(
        sum(begin <= at < begin + 0.5 for at in times) for begin in times
    ) <= 0.5 * LIMIT + LIMIT / 10  # fmt: skip


def test_after_a_refusal_nobody_gets_a_slot_before_the_time(
    pacers: Callable[[int], list[Pacer]], database: Database
) -> None:
    async def work() -> list[float]:
        refused, other = pacers(2)
        await asyncio.gather(refused.slot(), refused.slot())
        await refused.refused(0.4)
        begun = time.monotonic()
        await asyncio.gather(refused.slot(), other.slot())
        return [time.monotonic() - begun]

    [waited] = run(work)

    assert waited > 0.35
    pace = database.run(find_pace, "school")
    assert pace is not None
    assert pace.rate < 0.96 * LIMIT


def test_a_closed_pacer_wakes_who_waits(pacers: Callable[[int], list[Pacer]]) -> None:
    async def work() -> list[float]:
        [pacer] = pacers(1)
        await pacer.pause(60)
        waiting = asyncio.create_task(pacer.slot())
        begun = time.monotonic()
        await asyncio.sleep(0.05)
        pacer.close()
        with pytest.raises(PacerClosed):
            await waiting
        return [time.monotonic() - begun]

    [waited] = run(work)

    assert waited < 5


def test_what_was_learnt_is_kept_until_the_setting_changes(
    database: Database, stored: Stored
) -> None:
    database.run(ensure_source, "school", limit=None, at=clock())
    stored("UPDATE billing_sources SET rate = 77, is_learning = false RETURNING name")

    database.run(ensure_source, "school", limit=None, at=clock())
    kept = stored("SELECT rate, is_learning FROM billing_sources")
    database.run(ensure_source, "school", limit=50, at=clock())

    assert kept == [(77.0, False)]
    assert stored("SELECT rate FROM billing_sources") == [(48.0,)]
