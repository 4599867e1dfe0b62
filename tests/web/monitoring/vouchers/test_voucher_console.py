"""Tests of the voucher console in a browser."""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from ticketing.access.key_queries import Role
from ticketing.notifications.delivery import DeliveryState
from ticketing.orders.order import Order

Buying = Callable[..., Order]


def test_the_page_is_public_and_empty_and_loads_nothing_from_elsewhere(
    anonymous_client: httpx.Client, buy: Buying
) -> None:
    order = buy()

    page = anonymous_client.get("/voucher")

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
    key_of: Callable[[Role], str],
    buy: Buying,
    activate_vouchers: Callable[..., None],
    fail_order: Callable[[Order], None],
    send: Callable[[Order, DeliveryState], int],
) -> None:
    stuck, undelivered = buy(2), buy()
    fail_order(stuck)
    activate_vouchers(undelivered)
    send(undelivered, DeliveryState.FAILED)

    phone.goto(f"{address}/voucher")
    phone.get_by_label("API key").fill(key_of(Role.OPERATOR))
    phone.get_by_role("button", name="Sign in").click()

    expect(phone.locator("#live")).to_have_text("live")
    failed = phone.locator("#failed li")
    expect(failed).to_have_count(2)
    expect(phone.locator("#routers")).to_contain_text("lobby")
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
def test_an_unknown_key_is_refused_and_not_stored(browser: Browser, address: str) -> None:
    page = browser.new_page()  # one that may complain: chromium has a line for every 401
    page.goto(f"{address}/voucher")
    page.get_by_label("API key").fill("tk_invented")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("this API key is unknown or was revoked")
    assert page.evaluate("sessionStorage.length") == 0
    page.close()
