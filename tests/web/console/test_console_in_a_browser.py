"""A walk through the console with a browser: generate tickets, pair a phone, look at every page."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ticketing.access.caller import Role

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("SCREENSHOTS_FOLDER")
LOOKS = (("light", 390, "id-ID"), ("dark", 1280, "en-GB"))


@pytest.fixture
def open_console(
    browser: Browser,
    address: str,
    session_of: Callable[[Role], str],
    add_session: Callable[[BrowserContext, str, str], None],
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
            add_session(context, address, token)
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


ROSTER = "nim,nama,email\n1,Ayu Lestari,ayu@example.org\n2,Budi Santoso,\n3,,citra@example.org\n"


def test_an_organiser_comes_from_an_empty_machine_to_a_paired_phone(
    open_console: Callable[[str, int, str], Page],
) -> None:
    page = open_console("light", 1280, "en-GB")
    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_role("link", name="Create an event").click()
    page.get_by_label("Name", exact=True).fill("Konser Amal")
    page.get_by_label("Venue").fill("Gedung Sate, Bandung")
    page.get_by_label("Begins").fill("2099-06-12T19:00")
    assert look_at(page, "new-event") == []
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("konser-amal-2099")).to_be_visible()

    page.get_by_role("link", name="Import a roster").click()
    roster = {"name": "tamu.csv", "mimeType": "text/csv", "buffer": ROSTER.encode()}
    page.locator("input[type=file]").set_input_files([roster])  # type: ignore[list-item]
    page.get_by_role("button", name="Check only").click()
    expect(page.get_by_text("Checked only: nothing was changed.")).to_be_visible()
    assert look_at(page, "checked") == []
    page.locator("input[type=file]").set_input_files([roster])  # type: ignore[list-item]
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator(".status")).to_have_text("completed")
    expect(page.get_by_text("the name is empty")).to_be_visible()
    page.get_by_role("link", name="Back to the event").click()
    page.get_by_role("button", name="Generate missing tickets").click()
    expect(page.locator(".status")).to_have_text("completed")
    page.get_by_role("link", name="Back to the event").click()
    expect(page.get_by_text("Nobody is missing a ticket.")).to_be_visible()
    page.get_by_role("link", name="Guests", exact=True).click()
    page.get_by_role("link", name="Budi Santoso").click()
    page.get_by_label("Name").fill("Budi Santosa")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Budi Santosa")).to_be_visible()
    page.get_by_role("link", name="Konser Amal").click()
    page.get_by_role("link", name="Gates", exact=True).click()
    page.get_by_label("Name of the gate").fill("Gate 1")
    page.get_by_role("button", name="Create the code").click()
    expect(page.locator(".qr svg")).to_be_visible()
    assert look_at(page, "pairing") == []

    own = "/events/konser-amal-2099"
    paths = ("", own, f"{own}/guests", "/events", f"{own}/guests/1", f"{own}/gates", "/incidents",
             "/batches")  # fmt: skip
    for (scheme, width, locale), shown in zip(LOOKS, (paths, paths[:3]), strict=True):
        page = open_console(scheme, width, locale)
        home = page.url
        for number, path in enumerate(shown):
            page.goto(f"{home}{path}")
            assert look_at(page, f"{scheme}-{number}") == [], (path, scheme)
