"""Tests of the rules of signing in: waits, origins, redirects, names and passwords."""

from datetime import datetime, timedelta

import pytest

from ticketing.access.sessions.origin import is_allowed_host, is_own_origin, local_path
from ticketing.access.sessions.session_token import form_token, is_form_token, read_cookie
from ticketing.access.users.throttle import (
    LONGEST_WAIT,
    ThrottleKind,
    ThrottleSubject,
    locked_until,
)
from ticketing.access.users.user import UnusableUser, parse_email, parse_name, parse_password


@pytest.mark.parametrize(
    ("failures", "wait"),
    [(4, None), (5, 30), (6, 60), (7, 120), (10, 900), (10_000, 900)],
)
def test_the_wait_doubles_and_has_an_end(now: datetime, failures: int, wait: int | None) -> None:
    until = locked_until(ThrottleKind.ACCOUNT, failures, at=now)

    assert until == (None if wait is None else now + timedelta(seconds=wait))
    assert timedelta(minutes=15) == LONGEST_WAIT


def test_a_network_may_fail_more_often_and_no_login_is_stored(now: datetime) -> None:
    assert locked_until(ThrottleKind.NETWORK, 29, at=now) is None
    assert "s3cret" not in ThrottleSubject(ThrottleKind.ACCOUNT, "s3cret").key


@pytest.mark.parametrize(
    ("origin", "is_own"),
    [
        ("http://tickets.test:8000", True),
        ("https://tickets.test:8000", True),  # a proxy ends TLS
        ("https://shop.example.org", True),  # WEB_PUBLIC_URL
        ("http://tickets.test", False),
        ("http://tickets.test:8000.evil.test", False),
        ("ftp://tickets.test:8000", False),
        ("null", False),
        ("", False),
    ],
)
def test_an_origin_is_ours_if_it_is_the_host_or_the_public_address(
    origin: str, is_own: bool
) -> None:
    assert is_own_origin(origin, "tickets.test:8000", "https://shop.example.org/x") is is_own


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1:3000", True), ("localhost", True), ("[::1]:3000", True),
     ("page.example.org:443", True), ("evil.test:3000", False), ("", False), ("[", False)],
)  # fmt: skip
def test_a_host_is_this_machine_or_a_named_one(host: str, allowed: bool) -> None:
    assert is_allowed_host(host, {"page.example.org"}) is allowed


@pytest.mark.parametrize(
    ("target", "path"),
    [("/voucher?a=b", "/voucher?a=b"), ("", "/"), ("//evil.test", "/"), ("/\\evil.test", "/"),
     ("https://evil.test", "/"), ("/a\nb", "/"), ("voucher", "/")],
)  # fmt: skip
def test_only_local_paths_are_targets_of_redirects(target: str, path: str) -> None:
    assert local_path(target) == path


def test_the_token_of_a_form_belongs_to_one_session() -> None:
    assert is_form_token("a", form_token("a"))
    assert not is_form_token("b", form_token("a"))
    assert not is_form_token("", form_token(""))
    assert read_cookie("x=1; y=2", "y") == "2"
    assert not read_cookie("x=1;;=", "y")


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaa", "ayu-ayu-ayu-1234", "x" * 257])
def test_a_password_that_is_easy_to_guess_is_refused_and_not_repeated(password: str) -> None:
    with pytest.raises(UnusableUser) as refused:
        parse_password(password, "ayu")
    assert password not in str(refused.value)


def test_names_and_addresses_are_stored_in_one_form() -> None:
    assert (parse_name(" Ayu.L "), parse_email(" Ayu@Example.org "), parse_email(" ")) == (
        "ayu.l", "ayu@example.org", None,
    )  # fmt: skip
    for unusable in ("a", "ayu@example.org", "a b"):
        with pytest.raises(UnusableUser):
            parse_name(unusable)
