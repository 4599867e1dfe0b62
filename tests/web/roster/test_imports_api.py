"""Tests of the imports API: a roster is accepted at once, and imported in the background."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from simulators.trust import trusted
from tests.plugins.processes import ForkedProcess
from tests.plugins.workbooks import WriteWorkbook
from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import guests, imports

ROSTER = b"nim,nama,email\n1,Siti,siti@example.org\n,Budi,budi@\n"
Upload = Callable[..., httpx.Response]
Follow = Callable[[httpx.Response], dict[str, Any]]


@pytest.fixture
def imports_url(event: Event) -> str:
    """Return the path of the event's imports."""
    return f"/api/events/{event.slug}/imports"


@pytest.fixture
def upload(operator: httpx.Client, imports_url: str) -> Upload:
    """Return a function that sends a roster; keywords are fields of the form."""

    def send(
        content: bytes = ROSTER, name: str = "peserta.csv", **fields: str | list[str]
    ) -> httpx.Response:
        return operator.post(imports_url, files={"file": (name, content)}, data=fields)

    return send


@pytest.fixture
def follow(operator: httpx.Client, imports_url: str) -> Follow:
    """Return a function that waits for the end of an accepted import; returns its status."""

    def wait(accepted: httpx.Response) -> dict[str, Any]:
        assert accepted.status_code == 202, accepted.text
        url, deadline = (
            f"{imports_url}/{accepted.json()['data']['importId']}",
            time.monotonic() + 30,
        )
        while True:
            status = dict(operator.get(url).json()["data"])
            if status["status"] not in {"queued", "running"} or time.monotonic() > deadline:
                return status
            time.sleep(0.02)

    return wait


def count_guests(database: Database) -> int:
    """Return the number of guests."""
    with database.transaction() as connection:
        return int(connection.execute(select(func.count()).select_from(guests)).scalar_one())


def test_an_uploaded_roster_is_imported_and_counted(
    upload: Upload, follow: Follow, application: Application, database: Database
) -> None:
    status = follow(upload())

    counts = {name: status[name] for name in ("status", "total", "inserted", "rejected")}
    assert counts == {"status": "completed", "total": 2, "inserted": 1, "rejected": 1}
    assert status["rejectedRows"][0]["line"] == 3
    assert count_guests(database) == 1
    with database.transaction() as connection:
        (record,) = connection.execute(select(imports)).all()
    assert (record.id, record.source_name) == (status["recordId"], "peserta.csv")
    assert not list(application.settings.uploads.glob("*.upload"))


def test_warnings_about_rows_are_in_the_status(upload: Upload, follow: Follow) -> None:
    status = follow(upload(b"nim,nama,email\n2,Budi,budi@\n", dryRun="true"))

    (warning,) = status["rowWarnings"]
    assert (status["warningCount"], warning["line"], warning["field"]) == (1, 2, "email")


def test_a_dry_run_writes_nothing_and_shows_the_rejected_rows(
    operator: httpx.Client, imports_url: str, upload: Upload, follow: Follow, database: Database
) -> None:
    status = follow(upload(dryRun="true"))

    rejected = operator.get(f"{imports_url}/{status['importId']}/rejected.csv")
    assert (status["dryRun"], status["inserted"], status["recordId"]) == (True, 1, None)
    assert count_guests(database) == 0
    assert rejected.headers["Content-Type"].startswith("text/csv")
    assert "Budi;budi@;3;email" in rejected.text


def test_a_possible_duplicate_and_a_cleared_cell_are_in_the_status(
    upload: Upload, follow: Follow
) -> None:
    follow(upload())

    status = follow(upload(b"nim,nama,email\n1,Siti,\n2,Siti,siti@example.org\n", clearEmpty="1"))

    assert (
        status["notices"][0]
        == "Warning: empty cells clear stored values (email 1) and touch 0 live tickets"
    )
    assert "1 person shares name and e-mail/phone" in status["notices"][1]
    assert status["touchedTickets"] == {"live": 0, "delivered": 0, "checkedIn": 0}


def test_a_workbook_is_imported_from_the_chosen_sheet_with_a_mapping(
    upload: Upload, follow: Follow, write_workbook: WriteWorkbook
) -> None:
    content = write_workbook("a.xlsx", ("nim", "Mhs"), (13520001, "Siti")).read_bytes()

    status = follow(upload(content, "ñ.xlsx", sheet="Peserta", mapping='{"Mhs": "full_name"}'))

    assert (status["inserted"], status["sheet"], status["fileName"]) == (1, "Peserta", "ñ.xlsx")


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        (b"%PDF-1.7", {}, "a PDF"),
        (b"PK\x03\x04broken", {}, "broken or incomplete"),
        (ROSTER, {"sheet": "A"}, "peserta.csv is not a workbook"),
    ],
)
def test_a_roster_that_cannot_be_read_fails_with_the_reason(
    upload: Upload, follow: Follow, content: bytes, fields: dict[str, str], message: str
) -> None:
    status = follow(upload(content, **fields))

    assert (status["status"], status["errorCode"]) == ("failed", "unreadable_file")
    assert message in status["message"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"files": {"file": ("a.csv", ROSTER)}, "data": {"dryRun": "perhaps"}}, "invalid_request"),
        ({"files": {"file": ("a.csv", ROSTER)}, "data": {"dry": "true"}}, "invalid_request"),
        ({"files": {"roster": ("a.csv", ROSTER)}}, "unreadable_form"),
        ({"files": {"file": ("a.csv", ROSTER), "more": ("b.csv", ROSTER)}}, "unreadable_form"),
        ({"json": {"file": "a.csv"}}, "unreadable_form"),
        ({"files": {"file": ("a.csv", bytes(10 * 1024 * 1024 + 1))}}, "body_too_large"),
        ({"files": {"file": ("a.csv", bytes(12 * 1024 * 1024))}}, "body_too_large"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_at_once(
    operator: httpx.Client, imports_url: str, body: dict[str, Any], code: str
) -> None:
    refused = operator.post(imports_url, **body)

    assert refused.json()["error"]["code"] == code


def test_only_an_operator_may_import(
    viewer: httpx.Client, anonymous_client: httpx.Client, imports_url: str
) -> None:
    files = {"file": ("a.csv", ROSTER)}

    assert viewer.post(imports_url, files=files).status_code == 403
    assert anonymous_client.post(imports_url, files=files).status_code == 401


@pytest.mark.kill
def test_an_import_of_a_killed_service_is_shown_as_interrupted_and_can_be_repeated(
    database_url: str,
    database: Database,
    tmp_path: Path,
    imports_url: str,
    unused_port: int,
    start_ticketing: Callable[..., ForkedProcess],
    until_it_answers: Callable[[str], httpx.Response],
) -> None:
    key = {"X-API-Key": add_key(database, name="op", role=Role.OPERATOR, by="test").secret}
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": database_url,
        "TICKETING_DATA": str(tmp_path / "data"),
        "TICKETING_MASTER_SECRET": bytes(range(32)).hex(),
        "WEB_PORT": str(unused_port),
        "MIN_FREE_DISK": "0",
    }
    address = f"http://127.0.0.1:{unused_port}"
    rows = "".join(f"{number},Guest {number},\n" for number in range(1, 15_001))
    files = {"file": ("peserta.csv", f"nim,nama,email\n{rows}".encode())}
    client = httpx.Client(base_url=address, headers=key, timeout=60, verify=trusted())
    killed = start_ticketing("serve", environment=environment, stdout=subprocess.DEVNULL)
    until_it_answers(f"{address}/health")
    url = f"{imports_url}/{client.post(imports_url, files=files).json()['data']['importId']}"
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    second = start_ticketing("serve", environment=environment, stdout=subprocess.DEVNULL)
    until_it_answers(f"{address}/health")
    shown = client.get(url).json()["data"]
    left_over = list((tmp_path / "data" / "uploads").iterdir())
    again = client.post(imports_url, files=files).json()["data"]["importId"]
    while (ended := client.get(f"{imports_url}/{again}").json()["data"])["completedAt"] is None:
        time.sleep(0.1)
    second.send_signal(signal.SIGINT)

    assert (shown["status"], "send the file again" in shown["message"]) == ("interrupted", True)
    assert left_over == []
    assert (ended["status"], ended["total"]) == ("completed", 15_000)
    assert second.wait(timeout=60) == 0
    client.close()


def test_an_import_of_another_event_is_unknown(
    operator: httpx.Client, upload: Upload, follow: Follow, imports_url: str
) -> None:
    follow(upload())

    missing = operator.get(f"{imports_url}/999")

    assert missing.json()["error"]["code"] == "unknown_import"


def test_a_repeated_upload_with_the_same_idempotency_key_is_one_import(
    operator: httpx.Client, imports_url: str, follow: Follow
) -> None:
    request = operator.build_request("POST", imports_url, files={"file": ("a.csv", ROSTER)})
    request.headers["Idempotency-Key"] = "upload-1"
    first = operator.send(request)

    again = operator.send(request)

    assert json.loads(again.text) == json.loads(first.text)
    follow(first)


def test_an_upload_keeps_columns_which_filter_and_sort_the_guests(
    upload: Upload, follow: Follow, operator: httpx.Client, event: Event
) -> None:
    roster = (
        "Daftar wisudawan\nnim,nama,Fakultas,Gelar,telepon\n"
        "1,Siti,Hukum,SH,x\n2,Budi,Teknik,ST,x\n3,Ayu,hukum,MH,x\n"
    )
    missing = f"/api/events/{event.slug}/missing-tickets"

    status = follow(
        upload(roster.encode(), headerRow="2", keep=["Fakultas", "Gelar"], ignore="telepon")
    )
    of_law = {"where": "extra.fakultas=Hukum", "sort": "extra.gelar"}
    listed = operator.get(missing, params=of_law).json()["data"]
    count = operator.get(f"{missing}/count", params={"where": "extra.fakultas=Teknik"}).json()
    refused = operator.get(missing, params={"where": "extra.jurusan=x"})
    archive = operator.get(f"/api/events/{event.slug}/tickets.zip", params={"where": "x=1"})

    assert (status["inserted"], status["warningCount"]) == (3, 0)
    assert [guest["fullName"] for guest in listed["guests"]] == ["Ayu", "Siti"]
    assert (listed["totalCount"], count["data"]["count"]) == (2, 1)
    assert (refused.status_code, archive.status_code) == (422, 422)
    assert "extra.fakultas, extra.gelar" in refused.json()["error"]["message"]


def test_an_option_that_occurs_twice_in_an_upload_is_refused(upload: Upload) -> None:
    refused = upload(headerRow=["1", "2"])

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unreadable_form")
