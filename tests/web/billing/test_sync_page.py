"""Test of the page of a sync with a browser: start, watch, close, reopen, cancel, resume, reset."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.plugins.billing_source import School
from ticketing.access.caller import Role
from ticketing.access.sessions.session_token import SESSION_COOKIE
from ticketing.billing.sync.run import SyncRun

pytestmark = pytest.mark.browser

SYNC = "/admin/sync-pembayaran"
SCREENSHOTS = os.environ.get("SCREENSHOTS_FOLDER")


@pytest.fixture
def worker(drive: Callable[..., SyncRun | None]) -> Iterator[None]:
    """Drive what is started in a thread, as the worker does."""
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            drive(should_stop=stopping.is_set)
            time.sleep(0.05)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stopping.set()
    thread.join()


@pytest.fixture
def open_page(
    browser: Browser, address: str, session_of: Callable[[Role], str]
) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a tab of an operator; script errors fail the test."""
    token = session_of(Role.OPERATOR)
    complaints: list[str] = []
    with ExitStack() as stack:

        def opened(*, width: int = 1280, scheme: str = "light") -> Page:
            context = browser.new_context(
                viewport={"width": width, "height": 900}, locale="id-ID", color_scheme=scheme
            )  # type: ignore[call-overload]
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
            page.on("console", lambda line: (
                complaints.append(line.text) if line.type == "error" else None
            ))  # fmt: skip
            page.goto(f"{address}{SYNC}")
            return page

        yield opened
    assert complaints == []


@pytest.fixture
def judge_page() -> Callable[[Page], bool]:
    """Return a function that judges a page by axe, light and dark."""

    def judge(page: Page) -> bool:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            report = Axe().run(page)
            assert report.violations_count == 0, f"{scheme}: {report.generate_report()}"
        return True

    return judge


def picture(page: Page, name: str) -> None:
    """Keep a screenshot for who looks at it."""
    if SCREENSHOTS:
        page.emulate_media(color_scheme="dark" if "dark" in name else "light")
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png", full_page=True)


@pytest.mark.usefixtures("worker")
def test_a_sync_is_watched_closed_reopened_cancelled_resumed_and_reset(  # noqa: PLR0915 - one visit
    open_page: Callable[..., Page], school: School, judge_page: Callable[[Page], bool]
) -> None:
    school.enrol(1500)
    school.latency = 0.15
    page = open_page()
    badge, start = page.locator("#badge"), page.locator("#start")
    cancel, reset = page.locator("#cancel"), page.locator("#reset")
    expect(badge).to_have_text("Siap")
    expect(start).to_have_text("Mulai Sinkronisasi")
    expect(cancel).to_be_disabled()
    expect(reset).to_be_disabled()
    assert judge_page(page)
    picture(page, "idle")

    start.click()
    expect(badge).to_have_text("Sedang Berjalan")
    expect(start).to_be_disabled()
    expect(page.locator("#total-count")).to_have_text("1.500")
    expect(page.locator("#processed-count")).not_to_have_text("0")
    expect(page.locator("#rate")).to_contain_text("per detik")
    assert judge_page(page)
    picture(page, "running")
    page.close()
    other, phone = open_page(), open_page(width=390, scheme="dark")
    for tab in (other, phone):
        expect(tab.locator("#badge")).to_have_text("Sedang Berjalan")
        expect(tab.locator("#log")).to_contain_text("Sinkronisasi dimulai")
    before = other.locator("#processed-count").inner_text()
    expect(other.locator("#processed-count")).not_to_have_text(before)
    assert judge_page(phone)
    picture(phone, "running-phone-dark")

    other.locator("#cancel").click()
    for tab in (other, phone):
        expect(tab.locator("#status")).to_contain_text("Dibatalkan")
        expect(tab.locator("#start")).to_have_text("Lanjutkan Sinkronisasi")
    picture(other, "cancelled")
    school.latency = 0
    phone.locator("#start").click()
    for tab in (other, phone):
        expect(tab.locator("#percent")).to_have_text(re.compile("^100,0"))
        expect(tab.locator("#succeeded-count")).to_have_text("1.500")
        expect(tab.locator("#badge")).to_have_text("Siap")
    expect(other.locator("#announcer")).to_contain_text("Sinkronisasi telah berakhir")
    assert judge_page(other)
    picture(other, "completed")
    picture(phone, "completed-phone-dark")

    other.locator("#reset").focus()
    other.keyboard.press("Enter")
    for tab in (other, phone):
        expect(tab.locator("#processed-count")).to_have_text("0")
        expect(tab.locator("#reset")).to_be_disabled()
    phone.get_by_role("link", name="Siswa").click()
    phone.get_by_role("searchbox").fill("sis 0000007")
    phone.get_by_role("button", name="Cari").click()
    assert judge_page(phone)
    picture(phone, "students-phone-dark")
    phone.get_by_role("link", name="Siswa 0000007").click()
    expect(phone.get_by_role("heading", name="Siswa 0000007")).to_be_visible()
    assert judge_page(phone)
    picture(phone, "student-phone-dark")
