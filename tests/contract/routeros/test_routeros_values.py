"""Tests of values that routers print, and of their messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.routeros.values import format_duration
from ticketing.platform.kernel.errors import RouterUnavailable, UnusableRouter
from ticketing.routers.routeros.certificates import format_fingerprint, parse_fingerprint
from ticketing.routers.routeros.errors import RefusalReason, error_from_trap
from ticketing.routers.routeros.parsing import (
    format_seconds,
    parse_clock,
    parse_duration,
    parse_health,
    parse_profile,
    parse_user,
)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("failure: already have user with this name for this server", RefusalReason.NAME_TAKEN),
        ("input does not match any value of profile", RefusalReason.NO_SUCH_PROFILE),
        ("ambiguous value of profile, more than one possible value", RefusalReason.NO_SUCH_PROFILE),
        ("no such item (4)", RefusalReason.NO_SUCH_ITEM),
        ("Not enough permissions (9)", RefusalReason.NOT_PERMITTED),
        ("invalid user name or password (6)", RefusalReason.LOGIN),
        ("cannot log in", RefusalReason.LOGIN),
        ("failure: out of memory", RefusalReason.OTHER),
        ("", RefusalReason.OTHER),
    ],
)
def test_router_messages_are_mapped_to_reasons(message: str, reason: RefusalReason) -> None:
    assert error_from_trap("cafe", message, []).details == {"reason": reason}


@given(st.text(min_size=1), st.text(), st.text())
def test_no_secret_comes_back_in_a_message(secret: str, before: str, after: str) -> None:
    told = str(error_from_trap("", f"{before}{secret}{after}", [secret])).removeprefix("router : ")

    assert secret not in told.replace("…", "") or told == "no reason given"


@given(st.integers(0, 10**8))
def test_a_time_that_a_router_prints_is_read(count: int) -> None:
    assert parse_duration(format_duration(count)).total_seconds() == count


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("00:05:07", 307), ("1w2d 03:04:05", 788_645), ("5s250ms", 5)]
)
def test_times_of_other_versions_are_read(text: str, count: int) -> None:
    assert parse_duration(text).total_seconds() == count


@pytest.mark.parametrize("text", ["soon", "1h 5", "1:2"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(RouterUnavailable, match="instead of a duration"):
        parse_duration(text)


def test_no_limit_is_no_text() -> None:
    assert (format_seconds(None), format_seconds(parse_duration("1h30m"))) == ("", "5400s")


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        ("2026-12-12", "+07:00"),
        ("dec/12/2026", "+07:00"),
        ("Dec/12/2026", "07:00"),
        ("2026-12-11", "-17:00"),
    ],
)
def test_both_forms_of_a_date_are_one_instant(date: str, offset: str) -> None:
    read = parse_clock({"date": date, "time": "08:30:00", "gmt-offset": offset})

    assert read is not None
    assert read.isoformat() == "2026-12-12T01:30:00+00:00"


@pytest.mark.parametrize(
    "clock",
    [
        {},
        {"date": "2026-13-12", "time": "08:30:00", "gmt-offset": "+07:00"},
        {"date": "0001-01-01", "time": "00:00:00", "gmt-offset": "+07:00"},
        {"date": "dez/12/2026", "time": "08:30:00", "gmt-offset": "+07:00"},
        {"date": "2026-12-12", "time": "08:30:00", "gmt-offset": "WIB"},
    ],
)
def test_a_router_with_an_invalid_clock_is_healthy(clock: dict[str, str]) -> None:
    health = parse_health({"version": "7.18.2 (stable)", "uptime": "soon", **clock})

    assert (health.clock, health.up_for, health.version) == (None, None, "7.18.2 (stable)")


def test_an_absent_field_of_a_row_is_none() -> None:
    bare = parse_user({".id": "*1", "name": "u"})

    assert (bare.comment, bare.bytes_used, bare.online.seconds, bare.disabled) == ("", 0, 0, False)
    assert parse_profile({"name": "p", "shared-users": "unlimited"}).shared_users is None
    assert parse_profile({"name": "p"}).shared_users == 1


@pytest.mark.parametrize("text", ["AB" * 32, ":".join(["ab"] * 32), " ".join(["Ab"] * 32)])
def test_a_fingerprint_is_read_in_every_notation(text: str) -> None:
    assert parse_fingerprint(text) == "ab" * 32
    assert format_fingerprint(parse_fingerprint(text)) == ":".join(["AB"] * 32)


@pytest.mark.parametrize("text", ["", "ab" * 20, "zz" * 32])
def test_a_fingerprint_that_is_no_sha_256_is_refused(text: str) -> None:
    with pytest.raises(UnusableRouter, match="no SHA-256"):
        parse_fingerprint(text)
