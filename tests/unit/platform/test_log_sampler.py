"""Tests of log lines above a rate."""

import structlog
from structlog.testing import capture_logs

from ticketing.platform.kernel.log_sampler import LogSampler


def test_lines_above_the_rate_are_left_out_and_counted_by_the_next() -> None:
    seconds = iter([0.0, 0.5, 0.9, 0.95, 1.0, 1.1])
    with capture_logs() as lines:
        sampler = LogSampler(
            structlog.stdlib.get_logger(), max_per_second=2, clock=lambda: next(seconds)
        )
        for number in range(6):
            sampler.info("rendered", number=number)

    assert [(line["number"], line.get("leftOut", 0)) for line in lines] == [
        (0, 0), (1, 0), (4, 2), (5, 0),
    ]  # fmt: skip
