"""Test of the page of a sync with a browser: start, watch, close, reopen, cancel, resume, reset."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.plugins.billing_source import FAST, School, spp
from tests.web.billing.test_bank_statement_page import MAPPING
from ticketing.access.caller import Role
from ticketing.billing.bank_statements.read_statement import BankStatement, StatementRow
from ticketing.billing.bank_statements.statements import import_statement
from ticketing.billing.differences.trend_queries import close_statement
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database

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
    browser: Browser,
    address: str,
    session_of: Callable[[Role], str],
    add_session: Callable[[BrowserContext, str, str], None],
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
            add_session(context, address, token)
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


@pytest.fixture
def credited(school: School, database: Database, drive: Callable[..., SyncRun | None]) -> None:
    """Store the arrears of two syncs, and a credit of each state."""
    for number in range(5):
        school.bills[f"000000{number}"] = [spp(paid=350_000 * (number == 1))]
    school.bills["0000002"] = [spp(), spp(month="2026-08")]
    for paid in (0, 200_000):
        school.bills["0000004"] = [spp(paid=paid)]
        start_run(database, "school", limit=FAST, by="test", at=datetime.now(UTC))
        with ThreadPoolExecutor() as pool:  # the browser's event loop runs in this thread
            run = pool.submit(drive).result()
        assert run is not None
        database.run(close_statement, run, at=datetime.now(UTC))
    texts = ("0000000 SPP", "0000001 SPP", "0000002 SPP", "0000003 SPP", "SETORAN TUNAI DARI AHMAD")
    rows = [
        StatementRow(text, line, date(2026, 7, 3), Decimal(350_000 + (line == 4)), text)
        for line, text in enumerate(texts, 1)
    ]
    import_statement(
        database, "school", BankStatement(rows), MAPPING, file_name="x", by="bursar",
        at=datetime.now(UTC),
    )  # fmt: skip


@pytest.mark.usefixtures("credited")
def test_credits_and_arrears_can_be_read_on_a_phone_in_the_dark_and_without_a_mouse(
    open_page: Callable[..., Page], judge_page: Callable[[Page], bool], address: str
) -> None:
    page = open_page(width=390)
    page.goto(f"{address}/admin/mutasi-bank?language=en")
    assert judge_page(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    page.get_by_role("link", name="Payment sync").focus()
    page.keyboard.press("Enter")
    expect(page.locator("svg.trend")).to_be_visible()
    assert judge_page(page)
    for path in (SYNC, "/admin/mutasi-bank") if SCREENSHOTS else ():
        for size in ((390, 844), (1280, 800)):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            for language in ("id", "en"):
                page.goto(f"{address}{path}?language={language}")
                for scheme in ("light", "dark"):
                    picture(page, f"{path[7:11]}-{size[0]}-{language}-{scheme}")

    assert width == 390
