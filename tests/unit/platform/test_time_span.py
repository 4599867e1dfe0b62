"""Tests of the steps of a chart in a time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.time_span import TimeStep, iter_steps

JAKARTA, BERLIN = ZoneInfo("Asia/Jakarta"), ZoneInfo("Europe/Berlin")


def test_days_begin_at_midnight_in_the_time_zone() -> None:
    begins = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)  # 23:30 in Jakarta

    days = list(iter_steps(begins, begins + timedelta(hours=1), TimeStep.DAY, JAKARTA))

    assert days == [
        datetime(2026, 11, 20, tzinfo=JAKARTA), datetime(2026, 11, 21, tzinfo=JAKARTA),
    ]  # fmt: skip


def test_a_day_on_which_clocks_are_put_back_has_25_hours() -> None:
    begins, ends = (datetime(2026, 10, day, tzinfo=BERLIN) for day in (25, 26))

    assert len(list(iter_steps(begins, ends, TimeStep.HOUR, BERLIN))) == 25
    assert len(list(iter_steps(begins, ends, TimeStep.DAY, BERLIN))) == 1


@given(
    begins=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    hours=st.integers(0, 200),
    step=st.sampled_from(TimeStep),
    zone=st.sampled_from([UTC, JAKARTA, BERLIN]),
)
def test_every_moment_of_the_span_has_its_step(
    begins: datetime, hours: int, step: TimeStep, zone: ZoneInfo
) -> None:
    ends = begins + timedelta(hours=hours)

    found = [one.astimezone(UTC) for one in iter_steps(begins, ends, step, zone)]

    assert found == sorted(set(found))
    assert all(one < ends for one in found)
    assert (hours == 0) or found[0] <= begins
