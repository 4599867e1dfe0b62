"""Tests of the console's pages for admins: users, API keys, the audit log."""

import re
from collections.abc import Callable

import httpx
import pytest

from ticketing.access.caller import Role
from ticketing.access.keys import key_queries
from ticketing.access.sign_in.sign_in import SignInAttempt, sign_in
from ticketing.access.users import manage, user_queries
from ticketing.console.system import audit_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.http.services import now

Opener = Callable[..., httpx.Client]
USERS, KEYS, AUDIT = "/console/users", "/console/keys", "/console/audit"
ACCOUNT = "/console/account"
PASSWORD = "dua-belas-huruf-baru"  # noqa: S105 - of a test


@pytest.fixture
def admin(signed_in: Opener, database: Database) -> tuple[httpx.Client, dict[str, str]]:
    """Return a signed-in admin with the fields of a confirmed form."""
    client = signed_in(Role.ADMIN)
    [me] = [one for one in database.run(user_queries.list_users) if one.role is Role.ADMIN]
    token = re.search(r'name="token" value="([^"]+)"', client.get(USERS).text)
    assert token is not None
    # a new password ends the sessions, so only the hash is replaced
    with database.transaction() as connection:
        hashed = manage.hash_password(PASSWORD)
        user_queries.update_user(connection, me.id, {"password_hash": hashed})
    return client, {"token": token[1], "confirm": PASSWORD}


def secret_in(response: httpx.Response) -> str:
    """Return the secret that a page shows."""
    found = re.search(r"<code>([^<]+)</code>", response.text)
    assert found is not None, response.text
    return found[1]


def test_a_user_is_created_changed_and_signs_in_with_the_password_that_was_shown_once(
    admin: tuple[httpx.Client, dict[str, str]], event: Event, database: Database
) -> None:  # fmt: skip
    client, form = admin
    new = form | {"name": "Dewi", "role": "operator", "events": event.slug}

    password = secret_in(client.post(USERS, data=new))
    session = sign_in(database, SignInAttempt("dewi", password, "203.0.113.1"), at=now())
    client.post(f"{USERS}/change", data=form | {"name": "dewi", "role": "viewer", "events": ""})
    second = secret_in(client.post(f"{USERS}/password", data=form | {"name": "dewi"}))
    client.post(f"{USERS}/state", data=form | {"name": "dewi", "answer": "disable"})

    assert session
    assert second != password
    [dewi] = [one for one in database.run(user_queries.list_users) if one.name == "dewi"]
    assert (dewi.role, dewi.event_ids, dewi.disabled_at is None) == (Role.VIEWER, None, False)
    assert password not in client.get(USERS).text


def test_nothing_changes_without_the_own_password_or_by_an_admin_on_themselves(
    admin: tuple[httpx.Client, dict[str, str]], database: Database
) -> None:
    client, form = admin
    [me] = [one for one in database.run(user_queries.list_users) if one.role is Role.ADMIN]
    new = {"name": "dewi", "role": "viewer"}

    unconfirmed = client.post(USERS, data=form | new | {"confirm": "salah"})
    unasked = client.post(USERS, data=new | {"confirm": PASSWORD})
    own = [
        client.post(f"{USERS}/change", data=form | {"name": me.name, "role": "viewer"}),
        client.post(f"{USERS}/state", data=form | {"name": me.name, "answer": "disable"}),
    ]

    assert [one.status_code for one in (unconfirmed, unasked, *own)] == [401, 403, 422, 422]
    assert len(database.run(user_queries.list_users)) == 1


def test_a_key_is_created_rotated_and_revoked(
    admin: tuple[httpx.Client, dict[str, str]], database: Database
) -> None:
    client, form = admin

    new = form | {"name": "kasir", "role": "viewer", "days": "7"}
    first = secret_in(client.post(KEYS, data=new))
    change = form | {"name": "kasir"}
    second = secret_in(client.post(f"{KEYS}/change", data=change | {"answer": "rotate"}))
    known = [database.run(key_queries.find_caller, one, at=now()) for one in (first, second)]
    revoked = client.post(f"{KEYS}/change", data=change | {"answer": "revoke"})
    wrong = client.post(KEYS, data=form | {"name": "lain", "role": "viewer", "days": "0"})

    assert [caller and caller.name for caller in known] == ["kasir", "kasir"]
    assert database.run(key_queries.find_caller, second, at=now()) is None
    assert (revoked.status_code, wrong.status_code) == (303, 422)
    assert "kasir" in client.get(KEYS).text


def test_the_audit_log_is_filtered_and_paged_from_the_newest(
    admin: tuple[httpx.Client, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, form = admin
    for name in ("satu", "dua", "tiga"):
        client.post(KEYS, data=form | {"name": name, "role": "viewer"})
    monkeypatch.setattr(audit_queries, "PAGE", 2)

    page = client.get(AUDIT, params={"action": "api key"}).text
    older = re.search(r'href="([^"]*before=\d+)"', page)
    assert older is not None
    rest = client.get(AUDIT + older[1].replace("&amp;", "&")).text

    subjects = [re.findall(r'data-label="About">(\w+)', one) for one in (page, rest)]
    assert subjects == [["tiga", "dua"], ["satu"]]
    assert "satu" not in client.get(AUDIT, params={"subject": "dua"}).text


@pytest.mark.parametrize("path", [USERS, KEYS, AUDIT])
def test_only_admins_of_all_events_see_the_pages(
    signed_in: Opener, event: Event, path: str
) -> None:
    operator, restricted = signed_in(Role.OPERATOR), signed_in(Role.ADMIN, [event.id])

    assert [one.get(path).status_code for one in (operator, restricted)] == [403, 403]
    assert path not in operator.get("/console").text


def test_a_user_changes_the_own_password_and_is_signed_out_everywhere(
    admin: tuple[httpx.Client, dict[str, str]], database: Database
) -> None:
    client, form = admin
    [me] = [one for one in database.run(user_queries.list_users) if one.role is Role.ADMIN]
    new = "kata-sandi-yang-lain"

    shown = client.get(ACCOUNT).text
    typed_wrong = client.post(f"{ACCOUNT}/password", data=form | {"new": new, "again": new[1:]})
    unconfirmed = client.post(f"{ACCOUNT}/sign-out", data=form | {"confirm": "salah"})
    changed = client.post(f"{ACCOUNT}/password", data=form | {"new": new, "again": new})

    assert "Where you are signed in" in shown
    assert [one.status_code for one in (typed_wrong, unconfirmed, changed)] == [422, 401, 303]
    assert client.get(ACCOUNT).headers["Location"].startswith("/sign-in")
    assert sign_in(database, SignInAttempt(me.name, new, "203.0.113.1"), at=now())
