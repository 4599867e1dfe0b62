"""Tests of the tickets API: generated in the request, once, shown to authorised roles."""

import io
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import func, select, update

from ticketing.access import signed_links
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.operations import audit_log
from ticketing.platform.db.tables.roster import entitlements
from ticketing.platform.db.tables.roster import guests as guests_table
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.http.services import now


@pytest.fixture
def ticket(operator: httpx.Client, event: Event, guests: list[int]) -> dict[str, str]:
    """Generate the first guest's ticket; return the response data."""
    asked = {"guestId": guests[0], "eventId": event.id}
    made = operator.post("/api/tickets/generate", json=asked)
    assert made.status_code == 200, made.text
    return dict(made.json()["data"])


def test_the_pdf_is_ready_when_generate_responds(
    operator: httpx.Client, ticket: dict[str, str]
) -> None:
    pdf = operator.get(ticket["pdfUrl"])

    assert set(ticket) == {"ticketId", "ticketCode", "qrCodeUrl", "pdfUrl", "generatedAt"}
    assert (pdf.status_code, pdf.headers["Content-Type"]) == (200, "application/pdf")
    page = pypdfium2.PdfDocument(pdf.content)[0].get_textpage().get_text_range()
    assert ticket["ticketCode"] in page
    assert "Ayu Lestari" in page


def test_a_guest_with_a_live_ticket_gets_that_one(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    ticket: dict[str, str],
    database: Database,
) -> None:
    again = operator.post(
        "/api/tickets/generate", json={"guestId": guests[0], "eventId": event.slug}
    )

    for name in ("ticketId", "ticketCode", "generatedAt"):
        assert again.json()["data"][name] == ticket[name]
    with database.transaction() as connection:
        assert connection.scalar(select(func.count()).select_from(generated_tickets)) == 1


def test_a_ticket_is_rendered_again_when_its_guest_has_another_name(
    operator: httpx.Client,
    event: Event,
    guests: list[int],
    ticket: dict[str, str],
    database: Database,
) -> None:
    with database.transaction() as connection:
        renaming = update(guests_table).where(guests_table.c.id == guests[0])
        connection.execute(renaming.values(full_name="Dewi", first_name="", last_name=""))

    again = operator.post(
        "/api/tickets/generate", json={"guestId": guests[0], "eventId": event.id}
    ).json()["data"]

    assert again["ticketCode"] == ticket["ticketCode"]
    pdf = pypdfium2.PdfDocument(operator.get(again["pdfUrl"]).content)
    assert "Dewi" in pdf[0].get_textpage().get_text_range()


def test_concurrent_requests_for_one_guest_create_one_ticket(
    operator: httpx.Client, event: Event, guests: list[int], database: Database
) -> None:
    asked = {"guestId": guests[0], "eventId": event.id}
    operator.post("/api/tickets/batch", json={"eventId": event.id})

    with ThreadPoolExecutor(12) as crowd:
        answers = list(
            crowd.map(lambda _: operator.post("/api/tickets/generate", json=asked), range(24))
        )

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["data"]["ticketCode"] for answer in answers}) == 1
    with database.transaction() as connection:
        mine = select(func.count()).where(generated_tickets.c.guest_id == guests[0])
        assert connection.scalar(mine) == 1


@pytest.mark.parametrize(
    ("data", "differing"),
    [
        ({"firstName": "ayu", "lastName": "Lestari ", "email": "Ayu@example.org"}, ""),
        ({"ticketType": "Graduate"}, ""),
        ({"firstName": "John", "lastName": "Doe"}, "first_name, last_name"),
        ({"email": "john.doe@example.com", "ticketType": "VIP"}, "email, ticket_type"),
    ],
)
def test_data_of_another_guest_is_refused_and_never_ignored(
    operator: httpx.Client, event: Event, guests: list[int], data: dict[str, str], differing: str
) -> None:
    made = operator.post(
        "/api/tickets/generate",
        json={"guestId": guests[0], "eventId": event.id, "templateId": 1, "data": data},
    )

    if not differing:
        assert made.status_code == 200, made.text
        return
    error = made.json()["error"]
    assert (made.status_code, error["code"]) == (409, "guest_data_differs")
    assert f"guest {guests[0]} has another {differing};" in error["message"]


def test_the_links_of_a_ticket_open_without_a_key_until_they_expire(
    anonymous_client: httpx.Client,
    operator: httpx.Client,
    ticket: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pdf, qr = httpx.URL(ticket["pdfUrl"]), httpx.URL(ticket["qrCodeUrl"])

    opened = [anonymous_client.get(url).status_code for url in (pdf, qr)]
    refused = [
        anonymous_client.get(url).status_code
        for url in (
            pdf.copy_with(path=qr.path),
            pdf.copy_set_param("expires", "9999999999"),
            pdf.copy_set_param("signature", "é"),
            pdf.copy_remove_param("signature"),
        )
    ]
    later = now() + signed_links.LINK_LIFETIME
    # a quarter of an hour cannot be waited for
    monkeypatch.setattr(signed_links, "now", lambda: later)
    expired = anonymous_client.get(pdf)

    assert opened == [200, 200]
    assert refused == [401] * 4
    assert operator.get(pdf).status_code == 200  # the key counts, as for any stored address
    assert "has expired; request a new link" in expired.json()["error"]["message"]


def test_generating_a_ticket_is_audited_with_its_actor(
    ticket: dict[str, str], database: Database
) -> None:
    with database.transaction() as connection:
        traces = connection.execute(
            select(audit_log.c.actor, audit_log.c["items"]).where(
                audit_log.c.action == "tickets.issue"
            )
        ).all()

    assert ticket
    assert traces == [("api:the operator", 1)]


def test_another_template_is_chosen_by_name(
    operator: httpx.Client, event: Event, guests: list[int], database: Database
) -> None:
    asked = {"guestId": guests[0], "eventId": event.id, "templateId": "plain"}

    made = operator.post("/api/tickets/generate", json=asked)

    assert made.status_code == 200
    with database.transaction() as connection:
        assert connection.scalar(select(generated_tickets.c.template_id)) == "plain"


def test_a_ticket_is_shown_with_its_qr(
    operator: httpx.Client, event: Event, guests: list[int], ticket: dict[str, str]
) -> None:
    shown = operator.get(f"/api/tickets/{ticket['ticketId']}")

    data = shown.json()["data"]
    picture = Image.open(io.BytesIO(b64decode(data.pop("qrCodeData"))))
    [read] = zxingcpp.read_barcodes(np.asarray(picture.convert("L")))
    assert read.text.startswith("TC1")
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert data == {
        "id": ticket["ticketId"],
        "ticketCode": ticket["ticketCode"],
        "pdfUrl": data["pdfUrl"],
        "guest": {
            "id": guests[0],
            "firstName": "Ayu",
            "lastName": "Lestari",
            "fullName": "Ayu Lestari",
        },
        "event": {"id": event.id, "title": "Wisuda Periode II 2026"},
        "status": "generated",
        "generatedAt": ticket["generatedAt"],
    }


@pytest.mark.parametrize("level", ["L", "M", "Q", "H"])
def test_the_qr_is_read_at_every_level_and_in_other_colours(
    operator: httpx.Client, ticket: dict[str, str], level: str, database: Database
) -> None:
    drawn = operator.get(
        ticket["qrCodeUrl"],
        params={
            "size": 400, "margin": 2, "dark": "#14213d", "light": "fffbe6",
            "errorCorrectionLevel": level,
        },
    )  # fmt: skip

    picture = Image.open(io.BytesIO(drawn.content)).convert("RGB")
    [read] = zxingcpp.read_barcodes(np.asarray(picture.convert("L")))
    with database.transaction() as connection:
        assert read.text == connection.scalar(select(generated_tickets.c.qr_code_data))
    assert (drawn.headers["Content-Type"], picture.size) == ("image/png", (400, 400))
    assert {colour for _, colour in picture.getcolors()} == {(20, 33, 61), (255, 251, 230)}
    assert level in read.ec_level


def test_the_qr_as_svg_has_the_requested_size_and_colours(
    operator: httpx.Client, ticket: dict[str, str]
) -> None:
    drawn = operator.get(
        ticket["qrCodeUrl"], params={"format": "svg", "size": 240, "margin": 1, "dark": "#aa0000"}
    )

    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert 'width="240" height="240" viewBox="0 0 43 43"' in drawn.text
    assert 'fill="#aa0000"' in drawn.text


def test_a_qr_size_that_is_too_small_is_refused_with_the_minimum(
    operator: httpx.Client, ticket: dict[str, str]
) -> None:
    refused = operator.get(ticket["qrCodeUrl"], params={"size": 40})

    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "picture_too_small"
    assert "49 pixels" in refused.json()["error"]["message"]


def test_a_guest_who_is_not_on_the_roster_is_404(
    operator: httpx.Client, event: Event, guests: list[int]
) -> None:
    refused = operator.post(
        "/api/tickets/generate", json={"guestId": max(guests) + 1, "eventId": event.id}
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "unknown_guest")
    assert refused.json()["success"] is False


def test_a_guest_on_hold_is_409_with_the_reason(
    operator: httpx.Client, event: Event, guests: list[int], database: Database
) -> None:
    with database.transaction() as connection:
        connection.execute(update(entitlements).values(hold_reason="fee unpaid"))

    refused = operator.post(
        "/api/tickets/generate", json={"guestId": guests[0], "eventId": event.id}
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_ticket_due")
    assert "fee unpaid" in refused.json()["error"]["message"]


def test_an_unknown_template_is_422_and_the_known_ones_are_named(
    operator: httpx.Client, event: Event, guests: list[int]
) -> None:
    refused = operator.post(
        "/api/tickets/generate",
        json={"guestId": guests[0], "eventId": event.id, "templateId": "gold"},
    )

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "template_broken")
    assert "classic" in refused.json()["error"]["message"]
