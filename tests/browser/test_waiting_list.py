"""Test of the waiting list with a phone browser, on real processes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.catalogue import ticket_types

pytestmark = pytest.mark.browser

LINK = re.compile(r"http://127\.0\.0\.1:\d+/(?:orders|waiting-list)/\S+")


def set_capacity(database: Database, capacity: int) -> None:
    """Set the capacity of all ticket types."""
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(capacity=capacity))


def test_who_waits_is_offered_free_places_by_mail_and_leaves_by_the_link(
    phone: Page,
    shop: str,
    concert: str,
    database: Database,
    mail_to: Callable[[str, str], str],
    has_no_violations: Callable[[], bool],
) -> None:
    set_capacity(database, 0)
    phone.goto(f"{shop}/events/{concert}")
    phone.get_by_role("link", name="Masuk daftar tunggu").click()
    set_capacity(database, 1)
    with database.transaction() as connection:
        connection.execute(update(ticket_types).values(sold=1))
    phone.reload()
    assert has_no_violations()
    phone.get_by_label("Nama lengkap").fill("Sari Wulandari")
    phone.get_by_label("Email").fill("sari@example.org")
    phone.get_by_role("button", name="Masuk daftar tunggu").click()
    expect(phone.locator(".note")).to_contain_text("sudah masuk daftar tunggu")
    entry = LINK.search(mail_to("sari@example.org", "masuk daftar tunggu"))

    assert entry is not None
    phone.goto(entry[0])
    assert has_no_violations()
    phone.get_by_role("button", name="Konfirmasi").click()
    expect(phone.locator(".note")).to_contain_text("sedang menunggu tempat kosong")

    set_capacity(database, 2)
    offer = LINK.search(mail_to("sari@example.org", "Tempat Anda untuk"))

    assert offer is not None
    phone.goto(offer[0])
    expect(phone.locator(".status")).to_have_text("Menunggu pembayaran")
    phone.goto(entry[0])
    expect(phone.locator(".note")).to_contain_text("Tempat sudah ditawarkan")
    assert has_no_violations()
    phone.get_by_role("button", name="Keluar dari daftar tunggu").click()
    expect(phone.locator(".note")).to_contain_text("sudah keluar dari daftar tunggu")
    phone.goto(offer[0])
    expect(phone.locator(".status")).to_have_text("Dibatalkan")
