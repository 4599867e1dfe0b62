"""Tests of the API of events: whatever the command line sets can be set and read here."""

import httpx
import pytest

from ticketing.events.model import Event, NewEvent
from ticketing.tickets.api_events import EventChanges, EventResponse, NewEventRequest

NEW = {
    "slug": "konser-2027",
    "name": "Konser",
    "startsAt": "2027-01-02T19:00:00+07:00",
    "venue": "Aula",
    "guestQuestions": ["Kelas", "Ukuran kaos"],
}


def test_every_setting_of_an_event_is_in_the_api() -> None:
    settings = NewEvent.__dataclass_fields__.keys()

    assert NewEventRequest.model_fields.keys() == settings
    assert EventChanges.model_fields.keys() == settings - {"slug"}
    assert EventResponse.model_fields.keys() == settings | {"id"}


def test_an_event_is_created_once_and_shown_with_its_settings(
    operator: httpx.Client, viewer: httpx.Client
) -> None:
    created = [operator.post("/api/events", json=NEW) for _ in range(2)]
    other = operator.post("/api/events", json=NEW | {"venue": "Lapangan"})
    shown = viewer.get(f"/api/events/{NEW['slug']}")

    assert [each.status_code for each in created] == [201, 201]
    assert created[0].json() == created[1].json() == shown.json()
    assert "exists with another venue" in other.json()["error"]["message"]
    data = shown.json()["data"]
    assert (data["endsAt"], data["timeZone"]) == ("2027-01-02T16:00:00Z", "Asia/Jakarta")
    assert (data["guestQuestions"], data["buyerNotices"]) == (NEW["guestQuestions"], "mail")


def test_settings_are_changed_by_an_operator_and_the_others_stay(
    operator: httpx.Client, viewer: httpx.Client, event: Event
) -> None:
    path, changes = f"/api/events/{event.id}", {"buyerNotices": "both", "latePayments": "refund"}
    before = viewer.get(path).json()["data"]

    refused = viewer.patch(path, json=changes)
    changed = operator.patch(path, json=changes)

    assert refused.status_code == 403
    assert changed.json()["data"] == before | changes == viewer.get(path).json()["data"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"buyerNotices": "pigeon"}, "buyerNotices"),
        ({"holdMinutes": 4}, "holdMinutes"),
        ({"startsAt": "2027-01-02T19:00:00"}, "startsAt"),
        ({"startsAt": "9999-12-31T23:59:00-05:00"}, "startsAt"),
        ({"timeZone": "Mars"}, "Mars"),
        ({"templateId": "unknown"}, "unknown"),
        ({"color": "red"}, "color"),
    ],
)
def test_an_unusable_setting_is_refused_and_named(
    operator: httpx.Client, event: Event, change: dict[str, object], named: str
) -> None:
    refused = operator.patch(f"/api/events/{event.slug}", json=change)

    assert refused.status_code == 422
    assert named in refused.text
