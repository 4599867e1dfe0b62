"""Tests of templates over HTTP: listed with numbers, chosen by number, refused if unusable."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pypdfium2
import pytest
from sqlalchemy import func, select

from ticketing.documents.pdf_inspection import qr_text_of
from ticketing.documents.template_context import SAMPLE_TICKET
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets


@pytest.fixture
def application(
    open_test_application: Callable[..., AbstractContextManager[Application]],
    database_url: str,
    tmp_path: Path,
) -> Iterator[Application]:
    """Open an application with a template whose tickets have no QR code."""
    own = tmp_path / "templates" / "no-code"
    own.mkdir(parents=True)
    (own / "ticket.html.j2").write_text("{{ fullName }} {{ ticketCode }}")
    folder = tmp_path / "data"
    with open_test_application(database_url, folder, templates_path=own.parent) as opened:
        yield opened


def test_a_template_is_chosen_by_the_number_in_the_list(
    operator: httpx.Client, viewer: httpx.Client, event: Event, guests: list[int]
) -> None:
    listed = viewer.get("/api/templates").json()["data"]["templates"]
    asked = {"guestId": guests[0], "eventId": event.id}
    first = operator.post("/api/tickets/generate", json=asked | {"templateId": 1}).json()["data"]

    again = operator.post("/api/tickets/generate", json=asked | {"templateId": 3}).json()["data"]

    assert [(each["id"], each["name"]) for each in listed] == [
        (2, "classic"),
        (3, "plain"),
        (4, "no-code"),
    ]
    assert again["ticketCode"] == first["ticketCode"]
    page = pypdfium2.PdfDocument(operator.get(again["pdfUrl"]).content)[0]
    assert round(page.get_width()) == 298  # A6


@pytest.mark.parametrize(
    ("template", "reason"),
    [(4, "does not use qr"), ("no-code", "does not use qr"), (9, "no template has the number 9")],
)
@pytest.mark.parametrize("path", ["/api/tickets/generate", "/api/tickets/batch"])
def test_a_template_whose_tickets_nobody_could_use_is_refused_before_any_ticket(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    database: Database,
    path: str,
    template: int | str,
    reason: str,
) -> None:
    people = {"guestId": guests[0]} if path.endswith("generate") else {"guestIds": guests}
    operator.get("/api/templates")

    refused = operator.post(path, json={"eventId": event.id, "templateId": template} | people)

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "template_broken")
    assert reason in refused.json()["error"]["message"]
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(generated_tickets)) == 0


def test_a_preview_shows_a_guest_and_admits_nobody(
    operator: httpx.Client, event: Event, guests: list[int], database: Database
) -> None:
    path = f"/api/events/{event.slug}/ticket-preview?template=plain"

    picture = operator.get(f"{path}&person=budi@example.org")
    document = operator.get(f"{path}&person={guests[1]}&format=pdf")
    sample = operator.get(f"{path}&format=pdf")

    text = pypdfium2.PdfDocument(document.content)[0].get_textpage().get_text_range()
    assert picture.content.startswith(b"\x89PNG")
    assert ("Budi Santoso" in text, "B-12" in text) == (True, True)
    assert qr_text_of(document.content) == qr_text_of(sample.content) == SAMPLE_TICKET.qr_text
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(generated_tickets)) == 0


@pytest.mark.parametrize(
    ("person", "status", "reason"),
    [("example.org", 404, "no guest"), ("i", 422, "3 guests match"), ("%20", 404, "is empty")],
)
@pytest.mark.usefixtures("guests")
def test_a_preview_of_nobody_or_of_several_is_refused(
    operator: httpx.Client, event: Event, person: str, status: int, reason: str
) -> None:
    got = operator.get(f"/api/events/{event.slug}/ticket-preview?person={person}")

    assert (got.status_code, reason in got.text) == (status, True)
