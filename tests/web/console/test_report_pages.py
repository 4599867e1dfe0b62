"""Tests of the console's reports: the same figures in the page, in CSV and in the workbook."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import pandas as pd
import pytest
from sqlalchemy import select

from ticketing.access.caller import Role
from ticketing.checkin.model import Scan
from ticketing.checkin.record_scan import record_scan
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.tickets import generated_tickets

Opener = Callable[..., httpx.Client]


@pytest.mark.usefixtures("paid")
def test_sales_are_reported_by_day_and_type_with_the_days_without_a_sale(
    staff: Opener, sell: Callable[..., int], event: Event, database: Database,
    order: Callable[..., dict[str, Any]],
) -> None:  # fmt: skip
    # names of types: a formula, and a column of the report
    others = [order(sell(name), 1) for name in ("=HYPERLINK(1)", "day")]
    long_ago = datetime.now(UTC) - timedelta(days=3)
    with database.transaction() as connection:
        connection.execute(
            orders.update()
            .where(orders.c.id.in_([one["id"] for one in others]))
            .values(state="paid", paid_at=long_ago)
        )
    viewer, path = staff(Role.VIEWER), f"/console/events/{event.slug}/reports"

    page = viewer.get(path).text
    csv = viewer.get(f"{path}/sales").text.lstrip("\ufeff").splitlines()
    book, types = (
        pd.read_excel(BytesIO(viewer.get(f"{path}/{name}?format=xlsx").content), engine="calamine")
        for name in ("sales", "types")
    )

    assert list(book["total"]) == [2, 0, 0, 2]
    assert list(book["amount"]) == [100_000, 0, 0, 100_000]
    assert len(csv) == 1 + len(book)
    assert "'=HYPERLINK" in csv[0]
    assert list(types["places"]) == [1, 2, 1]
    assert 'role="img" aria-label="Line of the column Total' in page
    assert "100,000" in page
    assert staff(Role.ADMIN, [event.id + 1]).get(path).status_code == 403
    assert viewer.get(f"{path}/nonsense").status_code == 422


def test_entries_are_counted_once_each_quarter_of_an_hour(
    operator: httpx.Client, signed_in: Opener, event: Event, guests: list[int], database: Database
) -> None:
    for guest in guests:
        body = {"guestId": guest, "eventId": event.id}
        operator.post("/api/tickets/generate", json=body).raise_for_status()
    with database.transaction() as connection:
        codes = connection.execute(select(generated_tickets.c.ticket_code).order_by("id"))
        first, second, _ = codes.scalars()
    # later than the tickets, and at a full hour
    begin = (datetime.now(UTC) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    for number, (code, minutes) in enumerate([(first, 1), (first, 40), (second, 46)]):
        at = begin + timedelta(minutes=minutes)
        scan = Scan(f"nonce-of-{number}", code, at=at, is_offline=True)
        record_scan(database, event, scan, gate="Gate 1", at=at)
    viewer, path = signed_in(Role.VIEWER), f"/console/events/{event.slug}/reports"

    rows = re.findall(r"\d\d:\d\d\W+(\d+)\W+(\d+)", viewer.get(f"{path}/attendance").text)
    generated = viewer.get(f"{path}/generated").text.splitlines()

    assert rows == [("1", "1"), ("0", "1"), ("0", "1"), ("1", "2")]
    assert re.search(r"\W3\W+0\W+0$", generated[1])
    assert "Nothing to report yet." in viewer.get(path).text
