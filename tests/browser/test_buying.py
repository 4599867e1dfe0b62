"""Tests of buying tickets with a phone browser, from event page to PDF, on real processes."""

import re
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from playwright.sync_api import Page, expect
from sqlalchemy import select

from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.tickets import generated_tickets

pytestmark = pytest.mark.browser


def test_two_tickets_are_paid_in_the_page_of_the_order_and_their_pdf_is_downloaded(
    phone: Page, shop: str, concert: str, database: Database, tmp_path: Path
) -> None:
    phone.goto(f"{shop}/events/{concert}")
    phone.get_by_label("Jumlah tiket: VIP").select_option("2")
    expect(phone.locator("#total")).to_have_text("Rp300.000")
    phone.get_by_label("Nama lengkap").fill("Sari Wulandari")
    phone.get_by_label("Email").fill("sari@example.org")
    phone.get_by_role("button", name="Pesan").click()
    expect(phone.locator(".status")).to_have_text("Menunggu pembayaran")
    phone.wait_for_load_state("load")
    order = phone.url

    phone.get_by_role("button", name="Bayar sekarang").click()
    modal = phone.frame_locator("#snap-midtrans")
    modal.get_by_role("button", name=re.compile("gopay", re.IGNORECASE)).click()
    modal.locator("button[value=pay]").click()
    modal.get_by_role("link", name="Back to the shop").click()

    expect(phone.locator("#snap-midtrans")).to_have_count(0)
    expect(phone.locator(".status")).to_have_text("Lunas")
    assert phone.url == order
    tickets = phone.locator(".tickets li")
    expect(tickets).to_have_count(2)
    expect(phone.get_by_role("link", name="PDF")).to_have_count(2)
    code = tickets.first.locator("b").inner_text()
    with phone.expect_download() as saved:
        phone.get_by_role("link", name="PDF").first.click()
    assert saved.value.suggested_filename == f"{code}.pdf"
    saved.value.save_as(tmp_path / "ticket.pdf")
    drawn = pypdfium2.PdfDocument(tmp_path / "ticket.pdf")[0].render(scale=3).to_pil()
    read = {found.text for found in zxingcpp.read_barcodes(np.asarray(drawn.convert("L")))}
    with database.transaction() as connection:
        signed = connection.scalar(
            select(generated_tickets.c.qr_code_data).where(generated_tickets.c.ticket_code == code)
        )
    assert signed in read
    phone.get_by_role("link", name="Buka").last.click()
    expect(phone.locator(".name")).to_have_text("Sari Wulandari")
    expect(phone.locator("img.qr")).to_be_visible()


def test_three_places_are_named_before_payment_and_one_is_given_away_afterwards(
    phone: Page, shop: str, concert: str
) -> None:
    phone.route("**/snap/snap.js", lambda route: route.fulfill(body=""))  # a content blocker
    phone.goto(f"{shop}/events/{concert}")
    phone.get_by_label("Jumlah tiket: VIP").select_option("3")
    phone.get_by_label("Nama lengkap").fill("Sari Wulandari")
    phone.get_by_label("Email").fill("sari@example.org")
    phone.get_by_role("button", name="Pesan").click()
    for number, name in ((1, "Ayu Lestari"), (2, "Budi Santoso"), (3, "Citra Dewi")):
        phone.get_by_role("group", name=f"VIP {number}").get_by_label("Nama lengkap").fill(name)
    phone.get_by_role("button", name="Bayar sekarang").click()
    phone.get_by_role("button", name=re.compile("gopay", re.IGNORECASE)).click()
    phone.locator("button[value=pay]").click()
    phone.get_by_role("link", name="Back to the shop").click()
    tickets = phone.locator(".tickets li")
    expect(phone.get_by_role("link", name="PDF")).to_have_count(3)
    expect(tickets.locator("> div")).to_contain_text(["Ayu Lestari", "Budi Santoso", "Citra Dewi"])

    last = tickets.last
    code = last.locator("b").inner_text()
    last.get_by_text("Ganti nama").click()
    last.get_by_label("Nama lengkap").fill("Dewi Anggraini")
    last.get_by_role("button", name="Simpan").click()

    expect(tickets.locator("> div")).to_contain_text(["Ayu Lestari", "Budi", "Dewi Anggraini"])
    expect(tickets.last.locator("b")).to_have_text(code)
    expect(phone.get_by_role("link", name="PDF")).to_have_count(3)
    with phone.expect_download() as saved:
        phone.get_by_role("link", name="PDF").last.click()
    drawn = pypdfium2.PdfDocument(saved.value.path())[0].get_textpage().get_text_range()
    assert "Dewi Anggraini" in drawn
    tickets.first.get_by_role("link", name="Buka").click()
    expect(phone.locator(".name")).to_have_text("Ayu Lestari")


def test_a_card_that_is_refused_is_tried_again_and_then_the_order_is_given_up(
    phone: Page, shop: str, concert: str
) -> None:
    phone.goto(f"{shop}/events/{concert}")
    phone.get_by_label("Jumlah tiket: VIP").select_option("1")
    phone.get_by_label("Nama lengkap").fill("Budi")
    phone.get_by_label("Nomor HP").fill("0812 3456 7890")
    phone.get_by_role("button", name="Pesan").click()
    phone.wait_for_load_state("load")
    phone.get_by_role("button", name="Bayar sekarang").click()
    modal = phone.frame_locator("#snap-midtrans")
    modal.locator("button[value=credit_card]").click()
    modal.locator("button[value=decline]").click()
    modal.get_by_role("link", name="Back to the shop").click()

    again = phone.get_by_role("button", name="Bayar lagi")
    expect(again).to_be_visible()
    again.click()
    expect(modal.locator("button[value=gopay]")).to_be_visible()
    phone.reload()
    phone.get_by_text("Batalkan pesanan", exact=True).click()
    expect(phone.get_by_text("Tempat Anda langsung dilepas")).to_be_visible()
    phone.get_by_role("button", name="Ya, batalkan pesanan ini").click()

    expect(phone.locator(".status")).to_have_text("Dibatalkan")
    expect(phone.get_by_role("link", name="Pesan lagi")).to_be_visible()
