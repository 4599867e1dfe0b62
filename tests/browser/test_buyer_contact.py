"""Tests of what a buyer reads and mends with a phone browser, on real processes."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

WRONG, RIGHT = "sari@exampel.org", "sari@example.org"
LINK = re.compile(r"http://127\.0\.0\.1:\d+/orders/\S+")

Mails = Callable[[str, str], str]


@pytest.fixture
def ordered(phone: Page, shop: str, concert: str) -> Callable[[str], str]:
    """Return a function that orders a ticket for an address and returns the page's address."""

    def order(email: str) -> str:
        phone.goto(f"{shop}/events/{concert}")
        phone.get_by_label("Jumlah tiket: VIP").select_option("1")
        phone.get_by_label("Nama lengkap").fill("Sari Wulandari")
        phone.get_by_label("Email").fill(email)
        phone.get_by_role("button", name="Pesan").click()
        expect(phone.locator(".status")).to_have_text("Menunggu pembayaran")
        return phone.url

    return order


def test_a_mistyped_address_is_mended_and_the_mail_to_it_opens_nothing_any_more(
    phone: Page,
    ordered: Callable[[str], str],
    mail_to: Mails,
    has_no_violations: Callable[[], bool],
) -> None:
    ordered(WRONG)
    astray = LINK.search(mail_to(WRONG, "menunggu pembayaran"))
    assert astray is not None
    assert httpx.get(astray[0]).status_code == 200

    phone.get_by_text("Alamat atau nomor salah?").click()
    phone.get_by_label("Email atau nomor HP").fill(RIGHT)
    phone.get_by_role("button", name="Kirim kode").click()
    code = re.search(r"\b\d{6}\b", mail_to(RIGHT, "Kode "))
    assert code is not None
    assert has_no_violations()
    phone.get_by_label("Kode dari pesan kami").fill(code[0])
    phone.get_by_role("button", name="Konfirmasi").click()

    expect(phone.get_by_text("Kontak Anda sudah dibetulkan")).to_be_visible()
    expect(phone.get_by_text("s•••@example.org")).to_be_visible()
    assert httpx.get(astray[0]).status_code == 404
    again = LINK.search(mail_to(RIGHT, "menunggu pembayaran"))
    assert again is not None
    assert httpx.get(again[0]).status_code == 200


def test_a_buyer_who_closed_the_tab_comes_back_by_the_mail_and_pays_a_virtual_account(
    phone: Page,
    ordered: Callable[[str], str],
    mail_to: Mails,
    has_no_violations: Callable[[], bool],
) -> None:
    ordered(RIGHT)
    phone.get_by_role("button", name="Bayar sekarang").click()
    modal = phone.frame_locator("#snap-midtrans")
    modal.locator("button[value=bca_va]").click()
    expect(modal.locator("button[value=pay]")).to_be_visible()
    at_the_bank = phone.frames[-1].url
    phone.goto("about:blank")

    link = LINK.search(mail_to(RIGHT, "menunggu pembayaran"))
    assert link is not None
    phone.goto(link[0])
    expect(phone.locator("b.code")).to_have_text(re.compile(r"BCA \d+"))
    assert has_no_violations()
    phone.goto(at_the_bank)
    phone.locator("button[value=pay]").click()
    phone.goto(link[0])

    expect(phone.locator(".status")).to_have_text("Lunas")
    expect(phone.get_by_role("link", name="PDF")).to_have_count(1)
    assert "sudah kami terima" in mail_to(RIGHT, "Pembayaran pesanan")
    assert "Tunjukkan kode QR" in mail_to(RIGHT, "Tiket Anda untuk")
    assert has_no_violations()


def test_a_buyer_has_the_order_sent_again_and_a_change_of_its_state_is_announced(
    phone: Page, shop: str, concert: str, ordered: Callable[[str], str], mail_to: Mails,
    has_no_violations: Callable[[], bool],
) -> None:  # fmt: skip
    placed = ordered(RIGHT)
    phone.goto(f"{shop}/events/{concert}")
    assert has_no_violations()
    phone.get_by_role("link", name="Kirim pesanan saya lagi").click()
    assert has_no_violations()
    phone.get_by_label("Email atau nomor HP").fill(RIGHT)
    phone.get_by_role("button", name="Kirim", exact=True).click()
    expect(phone.get_by_role("status").first).to_contain_text("Jika ada pesanan")

    link = LINK.search(mail_to(RIGHT, "Pesanan Anda untuk"))
    assert link is not None
    phone.goto(link[0])
    expect(phone.locator(".status")).to_have_text("Menunggu pembayaran")
    httpx.post(f"{placed}/cancel")
    expect(phone.locator("#announcer")).to_contain_text("Dibatalkan")
