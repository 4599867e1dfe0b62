"""A look at the console's pages of orders with a browser: plan a refund by keyboard, and axe."""

import os
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ticketing.access.caller import Role
from ticketing.events.model import Event

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("SCREENSHOTS_FOLDER")
PAGES_BY_WIDTH = {  # one look at each: they have the layout in common
    390: ("deliveries", "users", "audit"),
    1280: ("deliveries/opt-outs", "keys", "account"),
}


def look_at(page: Page, name: str) -> list[object]:
    """Keep a screenshot if asked for; return what axe finds."""
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/console-{name}.png", full_page=True)
    return list(Axe().run(page).response["violations"])


@pytest.mark.usefixtures("messages")
def test_a_refund_is_planned_without_a_mouse_and_axe_finds_nothing(
    browser: Browser, shop: httpx.Client, session_of: Callable[[Role], str],
    paid: dict[str, Any], event: Event, add_session: Callable[[BrowserContext, str, str], None],
) -> None:  # fmt: skip
    address, found = str(shop.base_url).rstrip("/"), list[object]()
    token = session_of(Role.ADMIN)
    for scheme, width, locale in (("light", 390, "id-ID"), ("dark", 1280, "en-GB")):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, locale=locale,
            color_scheme=scheme,  # type: ignore[arg-type]
        )  # fmt: skip
        add_session(context, address, token)
        page = context.new_page()
        page.goto(f"{address}/console/orders")
        found += look_at(page, f"orders-{width}")
        page.get_by_role("link", name=paid["code"]).click()
        found += look_at(page, f"order-{width}")
        page.get_by_role("checkbox", name="2. VIP").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Enter")
        expect(page.locator("#plan")).to_be_visible()
        found += look_at(page, f"order-plan-{width}")
        page.goto(f"{address}/console/events/{event.slug}/sell")
        found += look_at(page, f"sell-{width}")
        page.goto(f"{address}/console/events/{event.slug}/reports")
        page.locator("summary").first.click()
        found += look_at(page, f"reports-{width}")
        for name in PAGES_BY_WIDTH[width]:
            page.goto(f"{address}/console/{name}?event={event.slug}")
            for hidden in page.locator("summary").all():
                hidden.click()
            found += look_at(page, f"{name.replace('/', '-')}-{width}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()

    assert found == []
