"""Tests of work in threads, each item by itself."""

import pytest

from ticketing.platform.kernel.work_pool import work_side_by_side


def test_an_error_of_the_work_is_raised_and_nothing_is_begun_after_it() -> None:
    begun, results = list[int](), list[float]()

    def divide(item: int) -> float:
        begun.append(item)
        return 1 / item

    with pytest.raises(ZeroDivisionError):
        results.extend(work_side_by_side([2, 0, 4], divide, size=1, name="test"))

    assert (begun, results) == ([2, 0], [0.5])
