"""Limit the CPU time of tests; slow tests carry a mark and start first.

CPU seconds are counted, not seconds: how long a test takes depends on what else the machine does.
"""

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest

DATABASE = {"server", "database_url"}  # the second asks for the first when it is needed
CPU = pytest.StashKey[float]()
FIRST = ("chaos", "slow", "browser", "kill")  # the longest begin first, so that none is the tail


def pytest_addoption(parser: pytest.Parser) -> None:
    """A way to run a little of everything."""
    parser.addoption(
        "--database-tests-per-module",
        type=int,
        metavar="N",
        help="of the tests that need a database, run each module's first N",
    )
    parser.addoption(
        "--cases-per-test",
        type=int,
        metavar="N",
        help="of a parametrized test, run the first N cases",
    )
    parser.addoption(
        "--most-cpu-seconds",
        type=float,
        metavar="S",
        help="fail tests that take more and are not marked as slow",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long tests first, all others in their order; leave out what was not asked for."""
    left_out = set[pytest.Item]()
    most_cases = config.getoption("--cases-per-test")
    if most_cases is not None:
        left_out |= _beyond(most_cases, items, lambda item: item.nodeid.partition("[")[0])
    most = config.getoption("--database-tests-per-module")
    if most is not None:
        needing_one = [item for item in items if _needs_database(item)]
        left_out |= _beyond(most, needing_one, lambda item: item.path)
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=_rank)


def _needs_database(item: pytest.Item) -> bool:
    return not DATABASE.isdisjoint(getattr(item, "fixturenames", ()))


def _beyond(
    most: int, items: Iterable[pytest.Item], group: Callable[[pytest.Item], object]
) -> set[pytest.Item]:
    """Return the items after the first `most` of each group."""
    seen = Counter[object]()
    beyond = set()
    for item in items:
        seen[group(item)] += 1
        if seen[group(item)] > most:
            beyond.add(item)
    return beyond


def _rank(item: pytest.Item) -> int:
    ranks = (rank for rank, mark in enumerate(FIRST) if item.get_closest_marker(mark))
    return next(ranks, len(FIRST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure the CPU time of the test itself, its threads and the processes it waited for."""
    before = _cpu_seconds()
    try:
        return (yield)
    finally:
        item.stash[CPU] = _cpu_seconds() - before
        item.user_properties.append(("cpu_seconds", round(item.stash[CPU], 2)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Fail a test that is slow without saying so."""
    report = yield
    if call.when != "call":
        return report
    spent = item.stash[CPU]
    most = item.config.getoption("--most-cpu-seconds")
    marked = any(item.get_closest_marker(mark) for mark in FIRST)
    if report.passed and most is not None and spent > most and not marked:
        report.outcome = "failed"
        report.longrepr = f"{spent:.1f} seconds of CPU: more than {most:g} need the mark `slow`"
    return report


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
