"""Tests of the page behind a magic link: the holder's ticket only, and no link in logs."""

import json
import re
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import pypdfium2
import pytest
import zxingcpp
from sqlalchemy import select

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.tickets.revoke import revoke_tickets


@pytest.fixture
def link(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    database: Database,
    application: Application,
) -> str:
    """Return the magic link path of the second guest's ticket."""
    asked = {"guestId": guests[1], "eventId": event.id}
    assert operator.post("/api/tickets/generate", json=asked).status_code == 200
    with database.transaction() as connection:
        token_id = connection.scalar(select(generated_tickets.c.token_id))
    return f"/t/{application.get(KeyRing).magic_link(token_id)}"


def test_the_page_shows_the_ticket_and_loads_nothing(
    anonymous_client: httpx.Client, link: str
) -> None:
    page = anonymous_client.get(link)

    assert page.status_code == 200
    for shown in ("Budi Santoso", "Wisuda Periode II 2026", "Sabtu, 12 Desember 2026", "B-12"):
        assert shown in page.text
    assert (
        re.findall(r'(?:src|href)="(?!data:image/svg|[A-Za-z0-9_-]{36}/ticket\.pdf)', page.text)
        == []
    )
    assert "http://" not in page.text.replace("http://www.w3.org/2000/svg", "")
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_pdf_beside_the_page_is_the_same_ticket(
    anonymous_client: httpx.Client, link: str, database: Database
) -> None:
    pdf = anonymous_client.get(f"{link}/ticket.pdf")

    drawn = pypdfium2.PdfDocument(pdf.content)[0].render(scale=3).to_pil()
    with database.transaction() as connection:
        token = connection.scalar(select(generated_tickets.c.qr_code_data))
    assert token in {read.text for read in zxingcpp.read_barcodes(np.asarray(drawn.convert("L")))}
    assert "attachment" not in pdf.headers["Content-Disposition"]


def test_no_interface_serves_a_pdf_that_the_disk_has_changed(
    anonymous_client: httpx.Client, operator: httpx.Client, link: str, application: Application
) -> None:
    (path,) = application.settings.documents.rglob("TC-*.pdf")
    original = path.read_bytes()
    doors = [(anonymous_client, f"{link}/ticket.pdf"), (operator, "/api/tickets/1/pdf")]
    served = []
    for client, address in doors:
        path.write_bytes(original.replace(b"%PDF", b"%PDG"))
        served.append(client.get(address).content)

    path.unlink()
    page = anonymous_client.get(link)

    assert served == [original] * 2
    assert "/ticket.pdf" in page.text
    assert anonymous_client.get(f"{link}/ticket.pdf").content == original


def test_a_revoked_ticket_shows_no_qr(
    anonymous_client: httpx.Client, link: str, database: Database, event: Event, now: datetime
) -> None:
    with database.transaction() as connection:
        code = connection.scalar(select(generated_tickets.c.ticket_code))
    revoke_tickets(database, event, codes=[code], reason="lost", by="test", at=now)

    page, pdf = anonymous_client.get(link), anonymous_client.get(f"{link}/ticket.pdf")

    assert (page.status_code, pdf.status_code) == (410, 404)
    assert "<img" not in page.text
    assert code not in page.text


@pytest.mark.parametrize("link", ["A" * 32, "short", "A" * 3000, "%00" * 32, "%ff%fe", "<b>"])
def test_an_unknown_link_is_404_with_an_html_page(
    anonymous_client: httpx.Client, link: str
) -> None:
    page, pdf = anonymous_client.get(f"/t/{link}"), anonymous_client.get(f"/t/{link}/ticket.pdf")

    assert (page.status_code, pdf.status_code) == (404, 404)
    assert "This link leads to no ticket" in page.text
    assert "<b>" not in page.text
    assert pdf.json()["error"]["code"] == "unknown_ticket"


def test_wrong_links_are_rate_limited(anonymous_client: httpx.Client) -> None:
    answers = [anonymous_client.get("/t/" + "A" * 32) for _ in range(40)]

    assert {answer.status_code for answer in answers} == {404, 429}
    last = answers[-1]
    assert (last.json()["error"]["code"], int(last.headers["Retry-After"]) > 0) == (
        "too_many_requests", True,
    )  # fmt: skip


def test_validating_names_the_holder_of_the_ticket(
    viewer: httpx.Client, link: str, database: Database, event: Event
) -> None:
    with database.transaction() as connection:
        row = connection.execute(select(generated_tickets)).mappings().one()

    by_qr = viewer.post("/api/tickets/validate", json={"code": row["qr_code_data"]}).json()["data"]
    by_code = viewer.post(
        "/api/tickets/validate", json={"code": row["ticket_code"].lower(), "eventId": event.id}
    ).json()["data"]

    assert link
    assert by_qr == by_code
    assert (by_qr["valid"], by_qr["reason"]) == (True, None)
    assert by_qr["ticket"]["fullName"] == "Budi Santoso"


def test_a_forged_qr_is_refused_by_name(
    viewer: httpx.Client, link: str, database: Database
) -> None:
    with database.transaction() as connection:
        token = str(connection.scalar(select(generated_tickets.c.qr_code_data)))
    forged = token[:70] + ("A" if token[70] != "A" else "B") + token[71:]

    body = viewer.post("/api/tickets/validate", json={"code": forged}).json()["data"]

    assert link
    assert (body["valid"], body["reason"], body["ticket"]) == (False, "bad signature", None)


def test_no_token_link_or_key_is_in_any_log(
    anonymous_client: httpx.Client,
    operator: httpx.Client,
    link: str,
    database: Database,
    log_file: Path,
) -> None:
    with database.transaction() as connection:
        row = connection.execute(select(generated_tickets)).mappings().one()
    anonymous_client.get(link)
    anonymous_client.get(f"{link}/ticket.pdf")
    operator.post("/api/tickets/validate", json={"code": row["qr_code_data"]})
    operator.post("/api/tickets/validate", json={"code": [row["qr_code_data"]]})
    operator.get("/metrics")

    written = log_file.read_text()

    lines = [json.loads(line) for line in written.splitlines()]
    routes = {line["data"].get("route") for line in lines}
    assert {"/t/{link}", "/t/{link}/ticket.pdf", "/api/tickets/validate"} <= routes
    for secret in (
        row["qr_code_data"][3:40],
        link.removeprefix("/t/"),
        operator.headers["Authorization"].removeprefix("Bearer "),
        "Budi",
    ):
        assert secret not in written
