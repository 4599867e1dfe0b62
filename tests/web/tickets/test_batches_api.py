"""Tests of the batches API: accepted at once, run in the background, never run twice."""

import io
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pypdfium2
import pytest
from sqlalchemy import func, insert, select, text, update

from simulators.trust import trusted
from tests.plugins.processes import ForkedProcess
from ticketing.access.caller import Role
from ticketing.access.keys.key_queries import add_key
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.roster import guests as guests_table
from ticketing.platform.db.tables.tickets import batches, generated_tickets

WaitForBatch = Callable[[str], dict[str, object]]


@pytest.fixture
def wait_for_batch(operator: httpx.Client) -> WaitForBatch:
    """Return a function that waits for the end of a batch; returns its last status."""

    def wait(batch_id: str) -> dict[str, object]:
        deadline = time.monotonic() + 60
        while True:
            status = operator.get(f"/api/batches/{batch_id}/status").json()["data"]
            if status["status"] != "processing" or time.monotonic() > deadline:
                return dict(status)
            time.sleep(0.05)

    return wait


@pytest.fixture
def many_guests(database: Database, event: Event, guests: list[int]) -> int:
    """Add four hundred guests, so that a batch takes a while; return the total number."""
    with database.transaction() as connection:
        connection.execute(
            insert(guests_table).from_select(
                ["event_id", "natural_key", "full_name"],
                select(
                    text(f"{event.id}, 'id:' || n, 'Guest ' || n FROM generate_series(1, 400) n")
                ),
            )
        )
        connection.execute(
            insert(entitlements).from_select(
                ["event_id", "guest_id", "ticket_type_id"],
                select(
                    guests_table.c.event_id,
                    guests_table.c.id,
                    text("(SELECT min(id) FROM ticket_types)"),
                ).where(guests_table.c.id.not_in(guests)),
            )
        )
    return 400 + len(guests)


@pytest.mark.usefixtures("guests")
def test_a_batch_for_a_filter_issues_the_tickets_of_matching_guests_only(
    operator: httpx.Client, event: Event, wait_for_batch: WaitForBatch
) -> None:
    body = {"eventId": event.slug, "where": ["seat=b-12"], "options": {"batchId": "row-b"}}

    accepted = operator.post("/api/tickets/batch", json=body).json()["data"]
    ended = wait_for_batch("row-b")
    other = operator.post("/api/tickets/batch", json=body | {"where": ["seat=C-1"]})

    assert (accepted["totalCount"], ended["totalCount"], ended["processedCount"]) == (1, 1, 1)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "batch_of_another_request")


def test_a_batch_is_accepted_and_completed(
    operator: httpx.Client, event: Event, guests: list[int], wait_for_batch: WaitForBatch
) -> None:
    taken = operator.post(
        "/api/tickets/batch",
        json={"eventId": event.id, "guestIds": guests, "options": {"batchId": "batch-789"}},
    )
    status = wait_for_batch("batch-789")

    assert taken.status_code == 202, taken.text
    said = taken.json()["data"]
    assert (said["batchId"], said["totalCount"]) == ("batch-789", 3)
    assert (status["status"], status["jobId"]) == ("completed", said["jobId"])
    counts = ("totalCount", "processedCount", "failedCount", "skippedCount")
    assert [status[name] for name in counts] == [3, 3, 0, 0]
    assert {ticket["status"] for ticket in status["tickets"]} == {"generated"}
    assert status["completedAt"] is not None
    assert status["estimatedCompletion"] is None


def test_without_guests_a_batch_covers_all_missing_tickets(
    operator: httpx.Client, event: Event, guests: list[int], wait_for_batch: WaitForBatch
) -> None:
    operator.post("/api/tickets/generate", json={"guestId": guests[0], "eventId": event.id})

    taken = operator.post("/api/tickets/batch", json={"eventId": event.slug, "guestIds": None})
    status = wait_for_batch(taken.json()["data"]["batchId"])

    assert (status["totalCount"], status["skippedCount"]) == (3, 1)
    assert len(status["tickets"]) == 2
    missing = operator.get(f"/api/events/{event.id}/missing-tickets/count").json()["data"]
    assert missing["count"] == 0


def test_the_same_batch_id_again_is_the_same_batch(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    wait_for_batch: WaitForBatch,
    database: Database,
) -> None:
    asked = {"eventId": event.id, "guestIds": guests, "options": {"batchId": "b-1"}}
    first = operator.post("/api/tickets/batch", json=asked).json()["data"]
    wait_for_batch("b-1")

    again = operator.post("/api/tickets/batch", json=asked)

    assert again.status_code == 202
    said = again.json()["data"]
    assert (said["jobId"], said["status"]) == (first["jobId"], "completed")
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(generated_tickets)) == 3


@pytest.mark.parametrize(
    ("guests_asked_for", "options"),
    [
        (slice(2), {}),
        (None, {}),
        (slice(3), {"limit": 1}),
        (slice(3), {"skipExisting": False}),
    ],
    ids=["fewer guests", "all missing", "limit", "overwrite"],
)
def test_a_batch_id_with_another_body_is_409(
    operator: httpx.Client, event: Event, guests: list[int], wait_for_batch: WaitForBatch,
    guests_asked_for: slice | None, options: dict[str, object],
) -> None:  # fmt: skip
    body = {"eventId": event.id, "guestIds": guests, "options": {"batchId": "b-1"}}
    operator.post("/api/tickets/batch", json=body)
    wait_for_batch("b-1")

    ids = None if guests_asked_for is None else guests[guests_asked_for]
    refused = operator.post(
        "/api/tickets/batch",
        json=body | {"guestIds": ids, "options": {"batchId": "b-1"} | options},
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (
        409,
        "batch_of_another_request",
    )


def test_a_batch_id_of_another_event_is_409(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    wait_for_batch: WaitForBatch,
    database: Database,
) -> None:
    asked = {"eventId": event.id, "guestIds": guests, "options": {"batchId": "b-1"}}
    operator.post("/api/tickets/batch", json=asked)
    wait_for_batch("b-1")
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO events (slug, name, starts_at, ends_at, time_zone, locale, venue,"
                " region) SELECT 'reuni', name, starts_at, ends_at, time_zone, locale, venue,"
                " region FROM events"
            )
        )

    refused = operator.post("/api/tickets/batch", json=asked | {"eventId": "reuni"})

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "batch_of_another_event")


def test_a_limit_is_respected(
    operator: httpx.Client, event: Event, guests: list[int], wait_for_batch: WaitForBatch
) -> None:
    taken = operator.post("/api/tickets/batch", json={"eventId": event.id, "options": {"limit": 1}})
    status = wait_for_batch(taken.json()["data"]["batchId"])

    assert guests
    assert len(status["tickets"]) == taken.json()["data"]["totalCount"] == 1
    assert (status["totalCount"], status["processedCount"]) == (1, 1)


def test_not_skipping_renders_again_and_keeps_the_codes(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    wait_for_batch: WaitForBatch,
    database: Database,
) -> None:
    first = operator.post("/api/tickets/batch", json={"eventId": event.id}).json()["data"]
    before = wait_for_batch(first["batchId"])
    with database.transaction() as connection:
        connection.execute(update(generated_tickets).values(pdf_bytes=1))

    again = operator.post(
        "/api/tickets/batch", json={"eventId": event.id, "options": {"skipExisting": False}}
    )
    wait_for_batch(again.json()["data"]["batchId"])

    with database.transaction() as connection:
        codes = select(generated_tickets.c.ticket_code).order_by(generated_tickets.c.id)
        assert list(connection.scalars(codes)) == [t["ticketCode"] for t in before["tickets"]]
        smallest = connection.scalar(select(func.min(generated_tickets.c.pdf_bytes)))
    assert smallest > 1000
    assert len(guests) == 3


def test_a_failed_guest_is_named_and_stops_no_other(
    operator: httpx.Client, event: Event, guests: list[int], wait_for_batch: WaitForBatch
) -> None:
    taken = operator.post(
        "/api/tickets/batch", json={"eventId": event.id, "guestIds": [*guests, 999]}
    )
    status = wait_for_batch(taken.json()["data"]["batchId"])

    counts = [status[f"{name}Count"] for name in ("total", "processed", "skipped", "failed")]
    assert (status["status"], counts) == ("completed", [4, 3, 0, 1])
    assert status["errors"] == [{"guestId": 999, "message": "no guest 999 in this event"}]


def test_tickets_are_paged(
    operator: httpx.Client,
    viewer: httpx.Client,
    event: Event,
    guests: list[int],
    wait_for_batch: WaitForBatch,
) -> None:
    taken = operator.post("/api/tickets/batch", json={"eventId": event.id})
    whole = wait_for_batch(taken.json()["data"]["batchId"])

    page = viewer.get(
        f"/api/batches/{whole['batchId']}/status", params={"limit": 1, "offset": 2}
    ).json()["data"]

    assert page["tickets"] == whole["tickets"][2:]
    assert len(guests) == 3


def test_a_batch_is_audited_with_its_size(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    database: Database,
    wait_for_batch: WaitForBatch,
) -> None:
    asked = {"eventId": event.id, "options": {"batchId": "b-1", "priority": "high"}}
    operator.post("/api/tickets/batch", json=asked)
    wait_for_batch("b-1")

    with database.transaction() as connection:
        [trace] = connection.execute(
            select(audit_log).where(audit_log.c.action == "tickets.order")
        ).mappings()
    assert (trace["actor"], trace["subject"], trace["items"]) == (
        "api:the operator", "b-1", len(guests),
    )  # fmt: skip
    assert trace["details"]["priority"] == "high"


def test_all_pdfs_come_in_one_archive_that_names_what_it_lacks(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    wait_for_batch: WaitForBatch,
    database: Database,
) -> None:
    taken = operator.post("/api/tickets/batch", json={"eventId": event.id})
    status = wait_for_batch(taken.json()["data"]["batchId"])
    with database.transaction() as connection:
        last = select(func.max(generated_tickets.c.id)).scalar_subquery()
        connection.execute(
            update(generated_tickets)
            .where(generated_tickets.c.id == last)
            .values(pdf_file_path=None)
        )

    got = operator.get(f"/api/events/{event.slug}/tickets.zip")

    archive = zipfile.ZipFile(io.BytesIO(got.content))
    codes = [ticket["ticketCode"] for ticket in status["tickets"]]
    assert archive.testzip() is None
    assert archive.namelist() == [f"{codes[0]}.pdf", f"{codes[1]}.pdf", "WITHOUT-PDF.txt"]
    assert archive.read(f"{codes[0]}.pdf").startswith(b"%PDF")
    assert archive.read("WITHOUT-PDF.txt").decode() == f"{codes[2]}\n"
    assert len(guests) == 3


def test_all_tickets_are_one_pdf_in_the_order_of_a_column(
    operator: httpx.Client, event: Event, guests: list[int], wait_for_batch: WaitForBatch
) -> None:
    taken = operator.post("/api/tickets/batch", json={"eventId": event.id})
    wait_for_batch(taken.json()["data"]["batchId"])

    got = operator.get(f"/api/events/{event.slug}/tickets.pdf?sort=-full_name")
    sheets = operator.get(f"/api/events/{event.slug}/tickets.pdf?columns=1&rows=2&cropMarks=true")
    refused = operator.get(f"/api/events/{event.slug}/tickets.pdf?columns=20&rows=20")

    assert got.headers["content-type"] == "application/pdf"
    assert len(pypdfium2.PdfDocument(got.content)) == len(guests) == 3
    assert len(pypdfium2.PdfDocument(sheets.content)) == 2
    assert (refused.status_code, "use fewer columns" in refused.text) == (422, True)


@pytest.mark.usefixtures("many_guests")
def test_a_service_accepts_a_limited_number_of_batches(
    operator: httpx.Client, viewer: httpx.Client, database: Database, event: Event
) -> None:
    asked = {"eventId": event.id, "options": {"limit": 100}}

    with database.transaction() as connection:
        # no batch ends meanwhile, however fast tickets are rendered
        connection.execute(text("LOCK TABLE generated_tickets IN EXCLUSIVE MODE"))
        answers = [operator.post("/api/tickets/batch", json=asked) for _ in range(15)]

    assert {answer.status_code for answer in answers} == {202, 503}
    assert answers[-1].json()["error"]["code"] == "busy"
    assert viewer.get("/api/events/wisuda-2026/missing-tickets/count").status_code == 200


@pytest.mark.usefixtures("many_guests")
@pytest.mark.slow
def test_a_stopped_service_cancels_its_batch_and_the_same_id_continues_it(
    application: Application,
    serve: Callable[[Application], AbstractContextManager[str]],
    database: Database,
    event: Event,
) -> None:
    key = {"X-API-Key": add_key(database, name="op", role=Role.OPERATOR, by="test").secret}
    asked = {"eventId": event.id, "options": {"batchId": "b-1"}}
    with serve(application) as address:
        httpx.post(f"{address}/api/tickets/batch", json=asked, headers=key)
        httpx.post(
            f"{address}/api/tickets/batch", headers=key,
            json={"eventId": event.id, "options": {"batchId": "b-2"}},
        )  # fmt: skip
    with database.transaction() as connection:
        stopped = list(connection.scalars(select(batches.c.state).order_by(batches.c.id)))

    with serve(application) as address:
        again = httpx.post(f"{address}/api/tickets/batch", json=asked, headers=key)

    assert stopped == ["cancelled", "cancelled"]
    assert again.json()["data"]["status"] == "processing"


@pytest.mark.kill
def test_a_killed_service_leaves_a_batch_that_the_next_one_shows_as_failed(
    database_url: str,
    database: Database,
    tmp_path: Path,
    event: Event,
    many_guests: int,
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
    client = httpx.Client(base_url=address, headers=key, timeout=60, verify=trusted())
    killed = start_ticketing("serve", environment=environment, stdout=subprocess.DEVNULL)
    until_it_answers(f"{address}/health")
    asked = {"eventId": event.id, "options": {"batchId": "b-1"}}
    assert client.post("/api/tickets/batch", json=asked).status_code == 202
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    second = start_ticketing("serve", environment=environment, stdout=subprocess.DEVNULL)
    until_it_answers(f"{address}/health")
    status = client.get("/api/batches/b-1/status").json()["data"]
    second.send_signal(signal.SIGINT)

    assert status["status"] == "failed"
    assert status["processedCount"] < many_guests
    assert second.wait(timeout=60) == 0
    client.close()
