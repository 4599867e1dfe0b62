"""Operators read the closing reports of an event, byte for byte as they were signed."""

from datetime import datetime

import httpx

from ticketing.crypto.keyring import KeyRing
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.reporting.closing.create import create_report, read_report


def test_operators_read_the_signed_file_and_viewers_do_not(
    application: Application, event: Event, now: datetime,
    operator: httpx.Client, viewer: httpx.Client,
) -> None:  # fmt: skip
    keys, database = application.get(KeyRing), application.database
    create_report(database, event, keys=keys, at=now, by="cli:sari")
    address = f"/api/events/{event.slug}/closing-reports"

    (listed,) = operator.get(address).json()["data"]
    file = operator.get(f"{address}/{listed['number']}")

    assert file.content == read_report(database, event, 1)
    assert (listed["createdBy"], operator.get(f"{address}/2").status_code) == ("cli:sari", 404)
    assert viewer.get(f"{address}/1").status_code == 403
