"""A walk through the console with a browser: generate tickets, pair a phone, look at every page."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import SESSION_COOKIE
from ticketing.events.model import Event

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("SCREENSHOTS_FOLDER")
LOOKS = (("light", 390, "id-ID"), ("dark", 1280, "en-GB"))


@pytest.fixture
def open_console(
    browser: Browser, address: str, session_of: Callable[[Role], str]
) -> Iterator[Callable[[str, int, str], Page]]:
    """Return a function that opens a tab of an operator; script errors fail the test."""
    token, complaints = session_of(Role.OPERATOR), list[str]()
    with ExitStack() as stack:

        def opened(scheme: str, width: int, locale: str) -> Page:
            context = browser.new_context(
                viewport={"width": width, "height": 800}, locale=locale,
                color_scheme=scheme,  # type: ignore[arg-type]
            )  # fmt: skip
            stack.callback(context.close)
            context.add_cookies(
                [
                    {
                        "name": SESSION_COOKIE,
                        "value": token,
                        "url": address.replace("http:", "https:"),
                        "secure": True,
                    }
                ]
            )
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{address}/console")
            return page

        yield opened
    assert complaints == []


def look_at(page: Page, name: str) -> list[object]:
    """Keep a screenshot if asked for; return what axe finds."""
    if SCREENSHOTS:
        page.screenshot(path=f"{SCREENSHOTS}/console-{name}.png", full_page=True)
    return list(Axe().run(page).response["violations"])


@pytest.mark.usefixtures("guests")
def test_an_operator_generates_tickets_and_pairs_a_phone(
    open_console: Callable[[str, int, str], Page], event: Event
) -> None:
    page = open_console("light", 1280, "en-GB")
    page.get_by_role("link", name=event.name).click()
    page.get_by_role("button", name="Generate missing tickets").click()
    expect(page.locator(".status")).to_have_text("completed")
    page.get_by_role("link", name="Back to the event").click()
    expect(page.get_by_text("Nobody is missing a ticket.")).to_be_visible()
    page.get_by_role("link", name="Gates", exact=True).click()
    page.get_by_label("Name of the gate").fill("Gate 1")
    page.get_by_role("button", name="Create the code").click()
    expect(page.locator(".qr svg")).to_be_visible()
    assert look_at(page, "pairing") == []

    own = f"/events/{event.slug}"
    paths = ("", own, f"{own}/guests", "/events", f"{own}/guests/1", f"{own}/gates", "/incidents")
    for (scheme, width, locale), shown in zip(LOOKS, (paths, paths[:3]), strict=True):
        page = open_console(scheme, width, locale)
        home = page.url
        for number, path in enumerate(shown):
            page.goto(f"{home}{path}")
            assert look_at(page, f"{scheme}-{number}") == [], (path, scheme)
