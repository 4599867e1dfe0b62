"""Tests of local times on days on which the clock is changed, and of the names of zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.platform.kernel.errors import UnusableTime
from ticketing.platform.kernel.wall_clock import format_clock, to_instant

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes by half an hour
ZONES = st.sampled_from([BERLIN, LORD_HOWE, ZoneInfo("Asia/Jakarta"), ZoneInfo("Africa/Cairo")])


@pytest.mark.parametrize(
    ("zone", "local", "gap"),
    [
        (BERLIN, "2027-03-28T02:30", "from 02:00 to 03:00"),
        (LORD_HOWE, "2026-10-04T02:10", "from 02:00 to 02:30"),
        (ZoneInfo("Africa/Cairo"), "2026-04-24T00:00", "from 00:00 to 01:00"),
    ],
)
def test_a_time_that_the_clock_skips_is_refused_with_field_and_gap(
    zone: ZoneInfo, local: str, gap: str
) -> None:
    with pytest.raises(UnusableTime, match=f"starts {local.replace('T', ' ')} does not.*{gap}"):
        to_instant(datetime.fromisoformat(local), zone, field="starts")


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # the first of the two
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30"),
    ],
)
def test_a_time_that_occurs_twice_is_the_first_unless_an_offset_is_written(
    local: str, instant: str
) -> None:
    found = to_instant(datetime.fromisoformat(local), BERLIN, field="starts")

    assert found == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)), ZONES)  # noqa: DTZ001 - local
def test_an_accepted_time_is_the_same_on_the_wall_clock(local: datetime, zone: ZoneInfo) -> None:
    try:
        found = to_instant(local, zone, field="starts")
    except UnusableTime:
        return
    assert found.astimezone(zone).replace(tzinfo=None) == local


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Asia/Jakarta", "2026-11-14 08:00 WIB"),
        ("Asia/Makassar", "2026-11-14 09:00 WITA"),
        ("Asia/Jayapura", "2026-11-14 10:00 WIT"),
        ("Asia/Dubai", "2026-11-14 05:00 UTC+4"),
        ("Asia/Kolkata", "2026-11-14 06:30 IST"),
    ],
)
def test_a_time_is_printed_with_the_name_of_its_zone(zone: str, text: str) -> None:
    assert format_clock(datetime(2026, 11, 14, 1, tzinfo=UTC), ZoneInfo(zone)) == text
