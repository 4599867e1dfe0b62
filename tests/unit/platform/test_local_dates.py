# ruff: noqa: RUF001 - letters of every script are what is tested here
from datetime import UTC, datetime, timedelta

import pytest

from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.local_dates import (
    format_event_dates,
    format_event_times,
    format_instant,
    parse_locale,
)

MORNING = datetime(2026, 11, 14, 1, 0, tzinfo=UTC)
NOON = MORNING + timedelta(hours=4)


@pytest.mark.parametrize(
    ("locale", "zone", "expected"),
    [
        ("id_ID", "Asia/Jakarta", "Sabtu, 14 November 2026"),
        ("en_US", "America/New_York", "Friday, November 13, 2026"),
        ("en-GB", "Asia/Jakarta", "Saturday, 14 November 2026"),
        ("ar_EG", "Africa/Cairo", "السبت، 14 نوفمبر 2026"),
        ("ja_JP", "Asia/Tokyo", "2026年11月14日土曜日"),
    ],
)
def test_the_date_is_in_the_venues_time_zone_and_the_language_of_the_event(
    locale: str, zone: str, expected: str
) -> None:
    assert format_event_dates(MORNING, NOON, zone, locale) == expected


def test_an_event_of_several_days_shows_first_and_last() -> None:
    spoken = format_event_dates(MORNING, NOON + timedelta(days=2), "Asia/Jakarta", "id_ID")

    assert spoken == "14–16 Nov 2026"


@pytest.mark.parametrize(
    ("locale", "zone", "expected"),
    [
        ("id_ID", "Asia/Jakarta", "08.00–12.00 WIB"),
        ("id_ID", "Asia/Makassar", "09.00–13.00 WITA"),
        ("id_ID", "Asia/Jayapura", "10.00–14.00 WIT"),
        ("en_GB", "Asia/Makassar", "09:00–13:00 WITA"),
        ("vi_VN", "Asia/Ho_Chi_Minh", "08:00–12:00 UTC+7"),
        ("hi_IN", "Asia/Kolkata", "6:30–10:30 am UTC+5:30"),
    ],
)
def test_the_time_has_the_local_abbreviation_of_the_zone(
    locale: str, zone: str, expected: str
) -> None:
    assert format_event_times(MORNING, NOON, zone, locale) == expected


def test_a_night_over_midnight_belongs_to_the_day_it_begins() -> None:
    evening = datetime(2026, 11, 14, 15, 0, tzinfo=UTC)

    clock = (evening, evening + timedelta(hours=4), "Asia/Jakarta", "id_ID")

    assert format_event_dates(*clock) == "Sabtu, 14 November 2026"
    assert format_event_times(*clock) == "22.00–02.00 WIB"


def test_an_event_of_several_days_shows_the_time_it_begins() -> None:
    spoken = format_event_times(MORNING, NOON + timedelta(days=2), "Asia/Jakarta", "id_ID")

    assert spoken == "08.00 WIB"


def test_an_event_without_length_shows_one_time() -> None:
    assert format_event_times(MORNING, MORNING, "Asia/Jakarta", "id_ID") == "08.00 WIB"


def test_west_of_greenwich_is_written_with_a_minus() -> None:
    spoken = format_event_times(MORNING, MORNING, "America/Sao_Paulo", "id_ID")

    assert spoken == "22.00 UTC-3"


def test_the_instant_of_printing_has_no_seconds() -> None:
    assert format_instant(MORNING, "Asia/Jakarta", "id_ID") == "14 Nov 2026, 08.00 WIB"


@pytest.mark.parametrize("name", ["xx_YY", "", "klingon", "id_ID_JKT_99"])
def test_an_unknown_locale_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(Misconfigured, match="id_ID"):
        parse_locale(name)
