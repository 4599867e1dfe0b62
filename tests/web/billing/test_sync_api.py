"""Tests of the HTTP API and the pages of synced payment records."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx
from sqlalchemy import select

from tests.plugins.billing_source import School, spp
from ticketing.access.caller import Role
from ticketing.billing.differences.trend_queries import close_statement
from ticketing.billing.sources.contract import FailureClass
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.outbox import outbox
from ticketing.roster.sources.table_rows import iter_table

SYNC = "/admin/sync-pembayaran"
COUNTERS = ("status", "total", "processed", "succeeded", "failed", "percent")


def counters(answer: httpx.Response) -> list[object]:
    """Return state and counters of an answer."""
    data = answer.json()["data"]
    return [data[name] for name in COUNTERS]


def test_a_sync_is_started_refused_twice_driven_and_reset(
    operator: httpx.Client, school: School, drive: Callable[[], SyncRun | None]
) -> None:
    school.enrol(20)
    before = operator.get(f"{SYNC}/progress")
    started = operator.post(f"{SYNC}/start")
    refused = operator.post(f"{SYNC}/start")
    too_early = operator.post(f"{SYNC}/reset")
    drive()
    done = operator.get(f"{SYNC}/progress", headers={"Accept-Language": "id"})
    reset = operator.post(f"{SYNC}/reset")

    assert counters(before) == ["idle", 0, 0, 0, 0, 0.0]
    assert (started.status_code, counters(started)) == (202, ["running", 0, 0, 0, 0, 0.0])
    assert started.json()["data"]["isWaiting"] is True
    assert (refused.status_code, too_early.status_code) == (409, 409)
    error = refused.json()["error"]
    assert (error["code"], error["details"]["runId"], error["details"]["status"]) == (
        "sync_running", started.json()["data"]["runId"], "running",
    )  # fmt: skip
    assert counters(done) == ["completed", 20, 20, 20, 0, 100.0]
    assert done.json()["data"]["log"][-1]["message"] == "Selesai: 20 berhasil."
    assert done.json()["data"]["startedAt"] is not None
    assert counters(reset) == ["idle", 0, 0, 0, 0, 0.0]


def test_a_cancel_is_repeatable_and_a_start_resumes(
    operator: httpx.Client, school: School, drive: Callable[[], SyncRun | None]
) -> None:
    school.enrol(5)
    begun = operator.post(f"{SYNC}/start").json()["data"]["runId"]
    cancelled = operator.post(f"{SYNC}/cancel")
    again = operator.post(f"{SYNC}/cancel")
    resumed = operator.post(f"{SYNC}/start")
    drive()

    assert counters(cancelled)[0] == "cancelled"
    assert (again.status_code, again.json()["error"]["code"]) == (409, "sync_not_running")
    assert resumed.json()["data"]["runId"] == begun
    assert counters(operator.get(f"{SYNC}/progress")) == ["completed", 5, 5, 5, 0, 100.0]


def test_failures_are_listed_page_by_page_and_asked_again(
    operator: httpx.Client, school: School, drive: Callable[[], SyncRun | None]
) -> None:
    school.enrol(100)
    school.failures["0000007"].append(FailureClass.NOT_FOUND)
    operator.post(f"{SYNC}/start")
    drive()
    listed = operator.get(f"{SYNC}/failures", params={"limit": 1}).json()["data"]
    after = operator.get(f"{SYNC}/failures", params={"after": listed[0]["id"]})
    retried = operator.post(f"{SYNC}/retry-failed")
    drive()

    assert [(one["externalId"], one["failure"]) for one in listed] == [("0000007", "not_found")]
    assert after.json()["data"] == []
    assert retried.status_code == 202
    assert counters(operator.get(f"{SYNC}/progress")) == ["completed", 1, 1, 1, 0, 100.0]


def test_the_stream_begins_with_the_present_progress(
    viewer: httpx.Client, operator: httpx.Client
) -> None:
    operator.post(f"{SYNC}/start")

    with viewer.stream("GET", f"{SYNC}/events?language=id") as stream:
        lines = stream.iter_lines()
        name, data = next(lines), next(lines)

    assert name == "event: progress"
    assert json.loads(data.removeprefix("data: "))["status"] == "running"


def test_viewers_watch_and_only_operators_act(
    signed_in: Callable[..., httpx.Client], anonymous_client: httpx.Client
) -> None:
    viewer, operator = signed_in(Role.VIEWER), signed_in(Role.OPERATOR)

    assert viewer.get(SYNC).status_code == viewer.get(f"{SYNC}/progress").status_code == 200
    assert viewer.post(f"{SYNC}/start").status_code == 403
    assert operator.post(f"{SYNC}/start").status_code == 202
    assert anonymous_client.get(SYNC).status_code == 303
    assert anonymous_client.post(f"{SYNC}/cancel").status_code == 401


def test_a_form_counts_only_with_the_token_of_the_page(
    signed_in: Callable[..., httpx.Client],
) -> None:
    operator = signed_in(Role.OPERATOR)
    page = operator.get(SYNC).text
    token = page.partition('name="token" value="')[2].partition('"')[0]

    forged = operator.post(f"{SYNC}/start", data={"token": "0" * 64})
    sent = operator.post(f"{SYNC}/start", data={"token": token})
    foreign = operator.post(
        f"{SYNC}/cancel", data={"token": token}, headers={"Origin": "https://evil.example"}
    )

    assert (forged.status_code, sent.status_code, foreign.status_code) == (403, 303, 403)
    assert sent.headers["Location"].startswith(SYNC)


def test_the_pages_show_stored_payments_in_both_languages(
    signed_in: Callable[..., httpx.Client],
    operator: httpx.Client,
    school: School,
    drive: Callable[[], SyncRun | None],
) -> None:
    school.enrol(60)
    school.bills["0000003"] = [spp(due=350_000, paid=125_000)]
    operator.post(f"{SYNC}/start")
    drive()
    viewer = signed_in(Role.VIEWER)

    page = viewer.get("/admin/siswa", params={"language": "id"})
    link = page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = viewer.get(f"/admin/siswa{link}")
    found = viewer.get("/admin/siswa", params={"search": "sis 0000003", "language": "en"})
    number = found.text.partition('href="/admin/siswa/')[2].partition("?")[0]
    student = viewer.get(f"/admin/siswa/{number}", params={"language": "id"})
    unknown = viewer.get("/admin/siswa/999999")

    assert (page.text.count("<tr><td"), second.text.count("<tr><td")) == (50, 10)
    assert "60 siswa" in page.text
    assert found.text.count("<tr><td") == 1
    assert all(one in student.text for one in ("Rp350.000", "Rp125.000", "Versi", "Dipastikan"))
    assert unknown.status_code == 404


def test_what_a_sync_changed_is_downloaded_as_a_table_without_formulas(
    operator: httpx.Client, school: School, drive: Callable[[], SyncRun | None]
) -> None:
    none = operator.get(f"{SYNC}/differences")
    school.bills["=1+1"] = [spp()]
    operator.post(f"{SYNC}/start")
    drive()
    school.bills["=1+1"] = [spp(paid=350_000)]
    operator.post(f"{SYNC}/start")
    drive()
    page = operator.get(f"{SYNC}/differences")

    head, row = page.content.decode("utf-8-sig").splitlines()
    assert none.status_code == 404
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert head.startswith("student;name;class;bill;kind;code before")
    assert row.startswith("'=1+1;Siswa =1+1;XI A;SPP:2026-07;changed;")
    assert row.endswith("350000;350000;0;350000;unpaid;paid")


def test_the_statement_is_a_workbook_and_the_trend_a_drawing_and_one_mail_a_day(
    operator: httpx.Client, school: School, drive: Callable[[], SyncRun | None],
    database: Database, connector: BillingConnector, tmp_path: Path,
) -> None:  # fmt: skip
    def close(known: Database, run: SyncRun, at: datetime) -> None:
        known.run(close_statement, run, at=at)

    object.__setattr__(connector, "on_finished", close)
    school.enrol(3)
    for paid in (0, 100_000):
        school.bills["0000000"] = [spp(paid=paid)]
        operator.post(f"{SYNC}/start")
        drive()
    sheet = operator.get(f"{SYNC}/differences", params={"format": "xlsx"})
    file = tmp_path / "differences.xlsx"
    file.write_bytes(sheet.content)
    rows = [row.cells for row in iter_table(file, delimiter=",", sheet="differences")]
    page = operator.get(SYNC, headers={"Accept-Language": "en"}).text
    with database.transaction() as connection:
        found = connection.execute(select(outbox.c.payload, outbox.c.recipient)).all()

    assert rows[0][:5] == ["student", "name", "class", "bill", "kind"]
    assert rows[1][:5] == ["0000000", "Siswa 0000000", "XI A", "SPP:2026-07", "changed"]
    assert "Rp600.000" in page
    assert page.count('class="line"') == 1
    [(payload, recipient)] = found
    assert recipient == "organiser"
    assert (payload["first"], payload["inArrears"], payload["arrears"]) == (3, 2, "700000")
