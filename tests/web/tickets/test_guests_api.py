"""Tests of the guests API: one guest is changed, and the PDF shows it under the same code."""

import httpx
import pypdfium2

from ticketing.events.model import Event


def test_a_changed_guest_keeps_the_code_and_gets_a_new_pdf(
    operator: httpx.Client, event: Event, guests: list[int]
) -> None:
    asked = {"guestId": guests[0], "eventId": event.id}
    ticket = operator.post("/api/tickets/generate", json=asked).json()["data"]

    changed = operator.patch(
        f"/api/events/{event.slug}/guests/{guests[0]}", json={"fullName": "Ayu Pertiwi"}
    )

    assert changed.status_code == 200, changed.text
    assert changed.json()["data"] == {
        "guestId": guests[0],
        "changes": {"fullName": {"before": "Ayu Lestari", "after": "Ayu Pertiwi"}},
        "ticketCode": ticket["ticketCode"],
        "pdfErrors": [],
    }
    page = pypdfium2.PdfDocument(operator.get(ticket["pdfUrl"]).content)[0].get_textpage()
    assert {"Ayu Pertiwi", ticket["ticketCode"]} <= set(page.get_text_range().splitlines())


def test_a_guest_gets_another_language_channel_and_test_mode(
    operator: httpx.Client, event: Event, guests: list[int]
) -> None:
    asked = {"guestId": guests[0], "eventId": event.id}
    ticket = operator.post("/api/tickets/generate", json=asked).json()["data"]
    address = f"/api/events/{event.slug}/guests/{guests[0]}"
    values = {"locale": "English", "salesChannel": "Loket", "testMode": "test"}

    changed = operator.patch(address, json=values).json()["data"]
    again = operator.patch(address, json=values).json()["data"]

    assert changed["ticketCode"] == ticket["ticketCode"]
    assert changed["changes"] == {
        "locale": {"before": "", "after": "en"},
        "salesChannel": {"before": "", "after": "Loket"},
        "testMode": {"before": "live", "after": "test"},
    }
    assert again["changes"] == {}
    page = pypdfium2.PdfDocument(operator.get(ticket["pdfUrl"]).content)[0].get_textpage()
    text = page.get_text_range()
    assert ("TEST" in text, "December" in text, "Desember" in text) == (True, True, False)


def test_an_invalid_change_of_a_guest_is_refused(
    operator: httpx.Client, viewer: httpx.Client, event: Event, guests: list[int]
) -> None:
    address = f"/api/events/{event.slug}/guests/{guests[0]}"

    answers = [
        operator.patch(address, json={"phone": "12"}),
        operator.patch(address, json={"locale": "klingon"}),
        operator.patch(address, json={"testMode": "perhaps"}),
        operator.patch(f"/api/events/{event.slug}/guests/999999", json={"seat": "A1"}),
        viewer.patch(address, json={"seat": "A1"}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 404, 403]
    assert answers[0].json()["error"]["code"] == "unusable_guest"
