"""Tests of the console's pages: who may see and do what, and what the forms start."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import func, insert, select, update

from tests.plugins.waiting import ASK_EVERY_SECONDS, PATIENCE_SECONDS
from ticketing.access.caller import Role
from ticketing.console import event_queries
from ticketing.events.model import Event
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.tables.checkins import gate_pairings
from ticketing.platform.db.tables.roster import guests as guests_table
from ticketing.platform.db.tables.roster import imports
from ticketing.platform.db.tables.tickets import batches, generated_tickets

Opener = Callable[..., httpx.Client]
PAGES = ("/console", "/console/events", "/console/incidents", "/console/events/{}",
         "/console/events/{}/guests", "/console/events/{}/gates", "/console/events/{}/imports",
         "/console/new-event", "/console/batches")  # fmt: skip
FORMS = ("generate", "gates/pair", "gates/shut-out", "guests/1")


def hidden(html: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]+)"', html)
    assert found is not None
    return found[1]


@pytest.fixture
def page_of(signed_in: Opener, event: Event) -> Callable[[Role, str], httpx.Response]:
    """Return a function that opens a page as a new user of a role."""
    return lambda role, path: signed_in(role).get(path.format(event.slug))


@pytest.mark.usefixtures("guests")
def test_every_page_leads_to_the_sign_in_page_and_every_role_may_look(
    anonymous_client: httpx.Client, page_of: Callable[[Role, str], httpx.Response], event: Event
) -> None:
    for path in PAGES:
        nobody = anonymous_client.get(path.format(event.slug))
        assert (nobody.status_code, "/sign-in" in nobody.headers["Location"]) == (303, True)
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        assert {page_of(role, path).status_code for path in PAGES} == {200}


@pytest.mark.usefixtures("guests")
def test_a_restricted_user_sees_its_events_and_no_figures_of_all(
    signed_in: Opener, event: Event
) -> None:
    own, other = (signed_in(Role.ADMIN, [number]) for number in (event.id, event.id + 1))

    assert event.name in own.get("/console").text
    assert "restricted" in own.get("/console").text
    assert event.name not in other.get("/console/events").text
    assert other.get(f"/console/events/{event.slug}").status_code == 403
    assert own.get("/console/incidents").status_code == 403


def test_a_form_of_another_page_or_of_a_viewer_changes_nothing(
    signed_in: Opener, client_with: Opener, event: Event, database: Database
) -> None:
    operator, viewer = signed_in(Role.OPERATOR), signed_in(Role.VIEWER)
    cookie = operator.headers["Cookie"]
    foreign = client_with(Cookie=cookie, Origin="https://evil.example")
    token = hidden(operator.get(f"/console/events/{event.slug}/gates").text, "token")

    for form in FORMS:
        path, fields = f"/console/events/{event.slug}/{form}", {"name": "Gate", "hours": "1"}
        answers = [
            operator.post(path, data=fields),
            operator.post(path, data=fields | {"token": "0" * 64}),
            foreign.post(path, data=fields | {"token": token}),
            viewer.post(path, data=fields | {"token": token}),
        ]
        assert [one.status_code for one in answers] == [403] * 4, form
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(batches)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(gate_pairings)).scalar() == 0


@pytest.mark.usefixtures("guests")
def test_missing_tickets_are_generated_once_and_their_progress_is_shown(
    signed_in: Opener, event: Event, database: Database
) -> None:
    operator = signed_in(Role.OPERATOR)
    path = f"/console/events/{event.slug}"
    page = operator.get(path).text
    fields = {name: hidden(page, name) for name in ("token", "key")}

    first, again = (operator.post(f"{path}/generate", data=fields) for _ in range(2))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "completed" not in operator.get(first.headers["Location"]).text:
        assert time.monotonic() < deadline
        time.sleep(ASK_EVERY_SECONDS)

    assert (first.status_code, again.headers["Location"]) == (303, first.headers["Location"])
    with database.transaction() as connection:
        assert connection.execute(select(func.count()).select_from(batches)).scalar_one() == 1
        tickets = connection.execute(select(func.count()).select_from(generated_tickets))
        assert tickets.scalar_one() == 3
    assert "Nobody is missing a ticket." in operator.get(path).text
    assert 'http-equiv="refresh"' not in operator.get(first.headers["Location"]).text


@pytest.mark.usefixtures("guests")
def test_guests_are_found_by_any_part_and_paged_by_name(
    signed_in: Opener, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queries, "PAGE", 2)  # three guests fill no page of fifty
    monkeypatch.setattr("ticketing.console.guest_pages.PAGE", 2)
    viewer, path = signed_in(Role.VIEWER), f"/console/events/{event.slug}/guests"

    def names(html: str) -> list[str]:
        return re.findall(r'/guests/\d+">([^<]+)<', html)

    first = viewer.get(path).text
    following = re.search(r'href="\?([^"]*after=[^"]+)"', first)
    assert following is not None
    second = viewer.get(f"{path}?{following[1].replace('&amp;', '&')}").text

    assert names(first) + names(second) == sorted(names(first) + names(second))
    assert len(names(first) + names(second)) == 3
    assert names(viewer.get(path, params={"q": "LESTARI ayu"}).text) == ["Ayu Lestari"]
    assert viewer.get(path, params={"q": "%", "after": "x"}).status_code == 200


def test_a_name_that_is_markup_is_shown_as_text(
    signed_in: Opener, event: Event, guests: list[int], database: Database
) -> None:
    attack = "<script>alert(1)</script>{{ 7 * 7 }}"
    with database.transaction() as connection:
        chosen = update(guests_table).where(guests_table.c.id == guests[0])
        connection.execute(chosen.values(full_name=attack))
    viewer, path = signed_in(Role.VIEWER), f"/console/events/{event.slug}/guests"

    for page in (viewer.get(path), viewer.get(f"{path}/{guests[0]}")):
        assert "<script>" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page.text
        assert "script-src" not in page.headers["Content-Security-Policy"]


def test_a_phone_is_paired_by_a_code_that_is_shown_once_and_shut_out_by_a_button(
    signed_in: Opener, anonymous_client: httpx.Client, event: Event
) -> None:
    operator, path = signed_in(Role.OPERATOR), f"/console/events/{event.slug}/gates"
    token = hidden(operator.get(path).text, "token")

    shown = operator.post(f"{path}/pair", data={"token": token, "name": "Gate 7", "hours": "2"})
    code = re.search(r"#pair=([\w-]+)", shown.text)
    assert code is not None
    assert "<svg" in shown.text
    paired = anonymous_client.post("/api/gates/pair", json={"code": code[1]}).json()["data"]
    listed = operator.get(path).text
    operator.post(f"{path}/shut-out", data={"token": token, "name": paired["gate"]})

    assert paired["gate"] in listed
    assert "shut out" in operator.get(path).text
    assert operator.post(f"{path}/pair", data={"token": token, "name": "x"}).status_code == 422


def test_what_waits_for_a_person_is_on_the_first_page(
    signed_in: Opener, database: Database, event: Event
) -> None:
    assert "Nothing waits for a person." in signed_in(Role.VIEWER).get("/console").text
    at = datetime.now(UTC)
    occurrence = Occurrence("disk", IncidentKind.RUN, "the <disk> is full", at, event.slug)
    with database.transaction() as connection:
        incidents.record_occurrence(connection, occurrence)
    with database.transaction() as connection:
        connection.execute(
            insert(imports).values(
                event_id=event.id, source_kind="file", source_name="a.csv", state="completed",
                total_rows=2, inserted=1, rejected=1, requested_by="test", started_at=at,
                completed_at=at,
            )
        )  # fmt: skip

    home = signed_in(Role.VIEWER).get("/console", headers={"Accept-Language": "id"})
    listed = signed_in(Role.VIEWER).get("/console/incidents")

    assert re.search(r"<b>1</b> insiden terbuka", home.text)
    assert re.search(r"<b>1</b> daftar tamu yang baris ditolaknya", home.text)
    assert "the &lt;disk&gt; is full" in listed.text


def test_the_chosen_language_is_remembered(signed_in: Opener) -> None:
    viewer = signed_in(Role.VIEWER)

    chosen = viewer.get("/console?language=id", headers={"Accept-Language": "en"})
    cookie = chosen.headers["Set-Cookie"].partition(";")[0]
    later = viewer.get("/console", headers={"Cookie": f"{viewer.headers['Cookie']}; {cookie}"})

    assert 'lang="id"' in chosen.text
    assert '<html lang="id"' in later.text


def test_an_event_is_created_once_and_what_is_wrong_is_said_beside_the_form(
    signed_in: Opener,
) -> None:
    operator = signed_in(Role.OPERATOR)
    form = "/console/new-event"
    fields = {
        "token": hidden(operator.get(form).text, "token"), "name": "Konser & Amal",
        "venue": "Gedung Sate", "starts": "2099-06-12T19:00", "zone": "Asia/Makassar",
        "locale": "id", "template": "classic",
    }  # fmt: skip

    made = operator.post(form, data=fields)
    refused = [
        operator.post(form, data=fields | wrong)
        for wrong in (
            {"starts": "tomorrow"}, {"ends": "2099-06-12T18:00"}, {"template": "none"},
            {"venue": ""}, {"zone": "Mars/Base"}, {"name": "Konser & Amal", "venue": "Elsewhere"},
        )
    ]  # fmt: skip

    assert made.headers["Location"] == "/console/events/konser-amal-2099"
    assert "19:00 WITA" in operator.get(made.headers["Location"]).text
    assert [one.status_code for one in refused] == [422] * 6
    assert all('role="alert"' in one.text and "Konser &amp; Amal" in one.text for one in refused)


def test_a_guest_is_edited_and_an_unusable_value_is_said_beside_the_form(
    signed_in: Opener, event: Event, guests: list[int]
) -> None:
    operator, path = signed_in(Role.OPERATOR), f"/console/events/{event.slug}/guests/{guests[0]}"
    token = hidden(operator.get(path).text, "token")

    saved = operator.post(path, data={"token": token, "full_name": "Ayu L.", "seat": "C-1"})
    refused = operator.post(path, data={"token": token, "full_name": " ", "seat": "C-1"})

    assert saved.status_code == 303
    assert "Ayu L." in operator.get(path).text
    assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)
    assert operator.get(path[:-1] + "999").status_code == 404


def test_an_upload_without_the_token_of_the_session_is_refused(
    signed_in: Opener, event: Event
) -> None:
    operator, path = signed_in(Role.OPERATOR), f"/console/events/{event.slug}/imports"
    token = hidden(operator.get(path).text, "token")
    roster = {"file": ("tamu.csv", b"nim,nama\n1,Ayu\n", "text/csv")}

    refused = operator.post(path, files=roster, data={"dryRun": "true"})
    accepted = operator.post(path, files=roster, data={"dryRun": "true", "token": token})

    assert (refused.status_code, accepted.status_code) == (403, 303)
    assert operator.get(accepted.headers["Location"]).status_code == 200
