"""Tests of the voucher console in a browser."""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import SESSION_COOKIE
from ticketing.access.users.manage import NewUser, create_user
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import Order
from ticketing.platform.db.database import Database

Buying = Callable[..., Order]


def test_the_page_has_no_data_and_loads_nothing_from_elsewhere(
    signed_in: Callable[..., httpx.Client], buy: Buying
) -> None:
    order = buy()

    page = signed_in(Role.VIEWER).get("/voucher")

    [script] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = page.headers["Content-Security-Policy"]
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "private, no-store")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert order.code not in page.text
    assert set(re.findall(r"https?://[^\"' ]+", page.text)) <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in script


@pytest.mark.browser
def test_an_operator_repairs_a_failed_purchase_on_a_phone(
    phone: Page,
    address: str,
    session_of: Callable[..., str],
    buy: Buying,
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
    send: Callable[[Order, DeliveryState], int],
    add_session: Callable[[BrowserContext, str, str], None],
) -> None:
    stuck, undelivered = buy(2), buy()
    fail_order(stuck)
    activate_vouchers(undelivered)
    send(undelivered, DeliveryState.FAILED)

    token = session_of(Role.OPERATOR)
    add_session(phone.context, address, token)
    phone.goto(f"{address}/voucher")

    expect(phone.locator("#live")).to_have_text("live")
    failed = phone.locator("#failed li")
    expect(failed).to_have_count(2)
    expect(phone.locator("#routers")).to_contain_text("lobby")
    assert phone.evaluate("timeFormat.resolvedOptions().timeZone") == "Asia/Jakarta"
    failed.filter(has_text=undelivered.code).get_by_role("button").click()
    expect(phone.locator("#message")).to_have_text(f"{undelivered.code}: code delivery queued")
    failed.filter(has_text=stuck.code).get_by_role("button").click()
    expect(phone.locator("#message")).to_contain_text(f"{stuck.code}: 2 queued for provisioning")
    expect(failed).to_have_text("None. Every paid voucher is on its router or queued.")

    activate_vouchers(buy(ago=timedelta()))  # while the page is open
    expect(phone.locator("#payments tbody tr")).to_have_count(3)
    too_wide = phone.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not too_wide


@pytest.mark.browser
def test_a_user_signs_in_on_the_way_to_the_page_and_signs_out(
    phone: Page, address: str, database: Database, has_no_violations: Callable[[], bool]
) -> None:
    password = "correct horse battery"  # noqa: S105 - of a test
    create_user(database, NewUser("ayu", Role.VIEWER), password, by="test")

    phone.goto(f"{address}/voucher")
    assert has_no_violations()
    phone.get_by_label("Nama atau email").fill("ayu")
    phone.get_by_label("Kata sandi").fill(password)
    phone.get_by_role("button", name="Masuk").click()
    expect(phone.locator("#live")).to_have_text("live")
    phone.get_by_role("button", name="Sign out").click()

    expect(phone.get_by_label("Kata sandi")).to_be_visible()
    assert SESSION_COOKIE not in [one["name"] for one in phone.context.cookies()]
