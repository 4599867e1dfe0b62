"""Tests of signing in and out: what a browser sends, and what strangers try."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select, update

from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import FORM_COOKIE, SESSION_COOKIE, form_token
from ticketing.access.users import manage
from ticketing.access.users.manage import NewUser, create_user
from ticketing.access.users.throttle import ThrottleKind, ThrottleSubject
from ticketing.access.users.throttle_queries import reserve_attempt
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.access import sessions
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.http.services import now

PASSWORD = "correct horse battery"  # noqa: S105 - of a test
Form = Callable[..., httpx.Response]


@pytest.fixture
def ayu(database: Database) -> None:
    """Create the user Ayu."""
    new = NewUser("ayu", Role.OPERATOR, "Ayu@Example.org")
    create_user(database, new, PASSWORD, by="test")


@pytest.fixture
def send_form(anonymous_client: httpx.Client, address: str) -> Form:
    """Return a function that fills in the form of the sign-in page, as a browser does."""

    def send(login: str, password: str, *, origin: str = address, **more: str) -> httpx.Response:
        page = anonymous_client.get("/sign-in", params=more)
        fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        cookie = page.headers["Set-Cookie"].split(";")[0]
        headers = {"Origin": origin, "Cookie": cookie}
        typed = {"login": login, "password": password}
        return anonymous_client.post("/sign-in", data=fields | typed, headers=headers)

    return send


def _cookie(response: httpx.Response) -> str:
    return next(
        one for one in response.headers.get_list("Set-Cookie") if one.startswith(SESSION_COOKIE)
    )


@pytest.mark.usefixtures("ayu")
@pytest.mark.parametrize("login", [" AYU", "ayu@example.org"])
def test_a_user_signs_in_and_out(
    send_form: Form, anonymous_client: httpx.Client, address: str, login: str
) -> None:
    answer = send_form(login, PASSWORD, next="/voucher?status=completed")
    cookie = _cookie(answer)
    session = {"Cookie": cookie.split(";")[0], "Origin": address}
    page = anonymous_client.get("/voucher", headers=session)
    [token] = re.findall(r'name="token" value="(\w+)"', page.text)

    left = anonymous_client.post("/sign-out", data={"token": token}, headers=session)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/voucher?status=completed")
    assert cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert (page.status_code, left.status_code) == (200, 303)
    afterwards = anonymous_client.get("/voucher", headers=session)
    assert (afterwards.status_code, afterwards.headers["Location"]) == (
        303, "/sign-in?next=%2Fvoucher",
    )  # fmt: skip


@pytest.mark.usefixtures("ayu")
def test_only_the_hash_of_a_token_is_stored_and_everything_is_audited(
    send_form: Form, database: Database
) -> None:
    answer = send_form("ayu", PASSWORD)
    send_form("ayu", "wrong")
    send_form("nobody", "wrong")

    token = _cookie(answer).partition("=")[2].partition(";")[0]
    with database.transaction() as connection:
        [row] = connection.execute(select(sessions))
        entries = connection.execute(
            select(audit_log.c.actor, audit_log.c.action, audit_log.c.subject)
            .where(audit_log.c.details["address"].as_string() == "127.0.0.1")
            .order_by(audit_log.c.id)
        ).all()
    assert token not in repr(row)
    assert entries == [
        ("user:ayu", "signed in", "ayu"),
        ("sign-in", "sign-in failed", "ayu"),
        ("sign-in", "sign-in failed", ""),
    ]


@pytest.mark.usefixtures("ayu")
def test_the_answer_does_not_say_whether_there_is_such_a_user(
    send_form: Form, database: Database
) -> None:
    known, unknown = send_form("ayu", "wrong"), send_form("budi", "wrong")
    manage.set_disabled(database, "ayu", disabled=True, by="test", at=now())
    disabled = send_form("ayu", PASSWORD)

    texts = [re.sub(r'value="\w+"', "", one.text) for one in (known, unknown, disabled)]
    assert {one.status_code for one in (known, unknown, disabled)} == {401}
    assert len(set(texts)) == 1
    assert "The name or the password is wrong." in texts[0]


@pytest.mark.usefixtures("ayu")
def test_after_five_failures_even_the_right_password_waits(
    send_form: Form, database: Database
) -> None:
    account = ThrottleSubject(ThrottleKind.ACCOUNT, "ayu")
    for _ in range(4):  # each of them would take a tenth of a second
        assert database.run(reserve_attempt, [account], at=now()) is None
    fifth = send_form("ayu", "wrong")
    locked, stranger = send_form("ayu", PASSWORD), send_form("budi", "wrong")
    manage.reset_password(database, "ayu", PASSWORD, by="test", at=now())

    assert fifth.status_code == 401
    assert locked.status_code == 429
    assert 0 < int(locked.headers["Retry-After"]) <= 30
    assert stranger.status_code == 401
    assert send_form("ayu", PASSWORD).status_code == 303


@pytest.mark.usefixtures("ayu")
def test_a_form_of_another_page_is_refused(
    send_form: Form, anonymous_client: httpx.Client, address: str
) -> None:
    foreign = [send_form("ayu", PASSWORD, origin=origin) for origin in ("http://evil.test", "null")]
    typed = {"login": "ayu", "password": PASSWORD}
    own = {"Origin": address}
    no_cookie = anonymous_client.post("/sign-in", data=typed, headers=own)
    other_token = {"token": form_token("y")}
    no_token = anonymous_client.post(
        "/sign-in", data=typed | other_token, headers=own | {"Cookie": f"{FORM_COOKIE}=x"}
    )

    assert [one.status_code for one in (*foreign, no_cookie, no_token)] == [403] * 4
    assert "https" in no_cookie.text


@pytest.mark.usefixtures("ayu")
def test_no_redirect_leaves_the_site(send_form: Form) -> None:
    assert send_form("ayu", PASSWORD, next="//evil.test").headers["Location"] == "/"


def test_the_page_speaks_the_language_of_the_browser(anonymous_client: httpx.Client) -> None:
    indonesian = anonymous_client.get("/sign-in", headers={"Accept-Language": "id-ID,en;q=0.5"})
    english = anonymous_client.get("/sign-in", params={"language": "en"})

    assert ("Kata sandi" in indonesian.text, "Password" in english.text) == (True, True)
    policy = english.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_session_ends_when_it_is_idle_too_old_or_its_user_is_disabled(
    signed_in: Callable[..., httpx.Client], database: Database
) -> None:
    clients = [signed_in(Role.VIEWER) for _ in range(4)]

    def statuses() -> list[int]:
        return [client.get("/voucher/api/payments").status_code for client in clients]

    before = statuses()
    with database.transaction() as connection:
        idle, old, *_ = connection.execute(select(sessions.c.id).order_by(sessions.c.id)).scalars()
        for session, values in (
            (idle, {"last_used_at": now() - timedelta(hours=8)}),
            (old, {"expires_at": now()}),
        ):
            connection.execute(update(sessions).where(sessions.c.id == session).values(values))
    manage.set_disabled(database, "viewer-2", disabled=True, by="test", at=now())

    assert (before, statuses()) == ([200] * 4, [401, 401, 401, 200])


@pytest.mark.parametrize(
    ("method", "origin", "status"),
    [
        ("GET", "http://evil.test", 200),  # it cannot read the answer
        ("POST", "http://evil.test", 403),
        ("POST", "null", 403),
        ("POST", "", 403),
    ],
)
def test_a_session_counts_only_for_requests_of_our_own_pages(
    signed_in: Callable[..., httpx.Client], method: str, origin: str, status: int
) -> None:
    client = signed_in(Role.ADMIN)
    path = {"GET": "/voucher/api/payments", "POST": "/voucher/api/cleanup-expired"}[method]

    answer = client.request(method, path, headers={"Origin": origin})

    assert answer.status_code == status
    own_page = client.post("/voucher/api/cleanup-expired")
    assert own_page.status_code == 200


@pytest.mark.parametrize("path", ["/voucher", "/docs", "/admin/go-live"])
def test_pages_of_staff_lead_to_the_sign_in_page(
    anonymous_client: httpx.Client, signed_in: Callable[..., httpx.Client], path: str
) -> None:
    stranger = anonymous_client.get(path)

    assert (stranger.status_code, stranger.headers["Location"]) == (
        303, f"/sign-in?next={path.replace('/', '%2F')}",
    )  # fmt: skip
    assert signed_in(Role.VIEWER).get(path).status_code == 200
    assert anonymous_client.get("/openapi.json").status_code == 401
