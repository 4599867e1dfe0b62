"""Tests of the gate's page with a browser: pair, scan, lose the network, come back, be shut out."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from io import BytesIO
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from tests.conftest import CHROMIUM
from ticketing.checkin.gate_page import VENDOR
from ticketing.checkin.pairing import create_pairing, list_gates, revoke_gate
from ticketing.crypto.keyring import KeyRing
from ticketing.documents.qr_image import QrImageOptions, qr_png
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.checkins import checkins
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.http.services import now
from ticketing.tickets.batches import queries as batch_queries
from ticketing.tickets.issuing.issue import issue_tickets

pytestmark = pytest.mark.browser
SCREENSHOTS = os.environ.get("SCREENSHOTS_FOLDER")
Open = Callable[[str], Page]
WITHOUT_ED25519 = """
const importKey = crypto.subtle.importKey.bind(crypto.subtle);
crypto.subtle.importKey = async (format, key, algorithm, ...rest) => {
  if (algorithm === "Ed25519") throw new DOMException("unknown", "NotSupportedError");
  return importKey(format, key, algorithm, ...rest);
};
"""


@pytest.fixture
def texts(
    database: Database, event: Event, guests: list[int], application: Application
) -> list[str]:
    """Issue tickets; return the texts of their QR codes, by guest."""
    assert guests
    with database.transaction() as connection:
        job = batch_queries.get_or_create_batch(
            connection, key="gate", event=event, template_id="classic", options={}, by="test",
            at=now(),
        )  # fmt: skip
    keys = application.get(KeyRing)
    issue_tickets(database, event, keys=keys, job_id=job.id, at=now(), by="test")
    with database.transaction() as connection:
        query = select(generated_tickets.c.qr_code_data).order_by(generated_tickets.c.id)
        return list(connection.execute(query).scalars())


@pytest.fixture
def service(
    serve: Callable[..., AbstractContextManager[str]], application: Application
) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """Run the service; yield its address, and functions that stop it and start it again."""
    with ExitStack() as stack:
        running = ExitStack()
        stack.callback(running.close)
        address = running.enter_context(serve(application))
        port = int(address.rpartition(":")[2])

        def start() -> None:
            running.enter_context(serve(application, port))

        yield address, running.close, start


@pytest.fixture
def open_gate(
    browser: Browser, database: Database, event: Event,
    service: tuple[str, Callable[[], None], Callable[[], None]],
) -> Iterator[Open]:  # fmt: skip
    """Return a function that pairs a phone of its own; script errors fail the test."""
    address, complaints = service[0], list[str]()
    with ExitStack() as stack:

        def opened(name: str, chosen: Browser = browser) -> Page:
            pairing = create_pairing(database, event, name, hours=1, by="test", at=now())
            context = chosen.new_context(viewport={"width": 390, "height": 844}, locale="id-ID")
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{address}/gate/#pair={pairing.code}")
            expect(page.locator("#gate-name")).to_contain_text(name)
            expect(page.locator("#pack")).to_contain_text("Paket")
            expect(page.locator("body")).to_have_attribute("data-worker", "ready")
            return page

        yield opened
    assert complaints == []


def write_camera_feed(path: Path, text: str) -> None:
    """Write a film of ten frames of a QR code for Chromium's simulated camera."""
    code = Image.open(BytesIO(qr_png(text, QrImageOptions(size=400)))).convert("L")
    frame = Image.new("L", (640, 480), 200)
    frame.paste(code, (120, 40))
    colours = bytes([128]) * (640 * 480 // 2)
    with path.open("wb") as film:
        film.write(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n")
        for _ in range(10):
            film.write(b"FRAME\n" + frame.tobytes() + colours)


@pytest.fixture
def with_camera(browser: Browser, texts: list[str], tmp_path: Path) -> Iterator[Browser]:
    """Start a browser whose camera shows the first ticket."""
    write_camera_feed(tmp_path / "camera.y4m", texts[0])
    flags = [
        "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}",
    ]  # fmt: skip
    chromium = next(path for name in CHROMIUM if (path := shutil.which(name)))
    started = browser.browser_type.launch(executable_path=chromium, args=flags)
    yield started
    started.close()


def forge(text: str) -> str:
    """Return a token whose signature is another one."""
    return text[:-5] + ("AAAA" if text[-5:-1] != "AAAA" else "BBBB") + text[-1]


def scan(page: Page, text: str) -> str:
    """Type a code as a scanner does; return the verdict."""
    verdict = page.locator("#verdict")
    before = int(verdict.get_attribute("data-count") or 0)
    page.get_by_label("Pindai").fill(text)
    page.get_by_label("Pindai").press("Enter")
    expect(verdict).to_have_attribute("data-count", str(before + 1))
    return " / ".join(line for line in verdict.inner_text().splitlines() if line)


def look_at(page: Page, name: str) -> list[object]:
    """Keep a screenshot if asked for, and return what axe finds in both colour schemes."""
    found: list[object] = []
    for scheme, width in (("light", 390), ("dark", 1280)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 844})
        found += Axe().run(page).response["violations"]
        if SCREENSHOTS:
            page.screenshot(path=f"{SCREENSHOTS}/{name}-{scheme}.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    return found


def test_two_gates_lose_the_network_and_nobody_is_counted_twice(
    open_gate: Open, texts: list[str], database: Database, event: Event,
    service: tuple[str, Callable[[], None], Callable[[], None]],
) -> None:  # fmt: skip
    _, stop, start = service
    first, second = open_gate("Gerbang 1"), open_gate("Gerbang 2")

    assert scan(first, texts[0]).startswith("Silakan masuk / Ayu Lestari")
    assert look_at(first, "gate-admitted") == []
    assert "Sudah dipakai / Ayu Lestari" in scan(second, texts[0])
    assert "Gerbang 1" in second.locator("#verdict-note").inner_text()
    assert look_at(second, "gate-refused") == []

    stop()
    assert scan(first, forge(texts[1])).startswith("Palsu")
    assert scan(first, texts[1]).startswith("Silakan masuk / Budi Santoso")
    assert scan(first, texts[1]).startswith("Sudah dipakai")
    assert scan(second, texts[1]).startswith("Silakan masuk / Budi Santoso")
    assert scan(first, "TC-2026-7K3M9QXA").endswith("Ini butuh jaringan.")
    first.reload()
    expect(first.locator("#event")).to_have_text(event.name)
    expect(first.locator("body")).to_have_attribute("data-unsent", "1")
    expect(first.locator("#network")).to_have_text("Tanpa jaringan")
    assert scan(first, texts[1]).startswith("Sudah dipakai")
    assert look_at(first, "gate-offline") == []

    start()
    for page in (first, second):
        page.get_by_role("button", name="Perbarui").click()
        expect(page.locator("body")).to_have_attribute("data-unsent", "0")
    expect(second.locator("#problem")).to_contain_text("Bentrok: Budi Santoso")
    expect(second.locator("#counts")).to_have_text("2 dari 3 masuk, 2 di dalam · 1 bentrokan")
    with database.transaction() as connection:
        query = select(checkins.c.verdict).where(checkins.c.verdict != "refused")
        verdicts = sorted(connection.execute(query).scalars())
    assert verdicts == ["admitted", "admitted", "conflict"]


def test_a_person_is_found_by_name_and_admitted_and_a_lost_phone_is_locked(
    open_gate: Open, texts: list[str], database: Database, event: Event
) -> None:
    page = open_gate("Gerbang 1")

    page.get_by_label("Cari nama").fill("lestari")
    page.get_by_role("button", name="Cari", exact=True).click()
    page.locator("#found").get_by_role("button", name="Periksa").click()
    expect(page.locator("#verdict-word")).to_have_text("Silakan masuk")
    page.get_by_role("button", name="Batalkan").click()
    expect(page.locator("#verdict-word")).to_have_text("Dibatalkan")
    assert scan(page, texts[0]).startswith("Silakan masuk / Ayu Lestari")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_label("Scan, or type")).to_be_visible()
    page.get_by_role("button", name="Bahasa Indonesia").click()

    for gate in list_gates(database, event):
        revoke_gate(database, event, gate.name, by="test")
    page.get_by_label("Pindai").fill(texts[1])
    page.get_by_label("Pindai").press("Enter")

    expect(page.locator("#lock")).to_contain_text("Gerbang ini ditutup")
    expect(page.locator("#verdict")).to_have_text("")
    assert look_at(page, "gate-locked") == []


def test_a_ticket_held_before_the_camera_is_admitted_once(
    with_camera: Browser, open_gate: Callable[..., Page]
) -> None:
    page = open_gate("Gerbang 1", with_camera)

    page.get_by_role("button", name="Kamera").click()
    expect(page.locator("#verdict-word")).to_have_text("Silakan masuk")
    expect(page.locator("#verdict-name")).to_have_text("Ayu Lestari")
    page.get_by_role("button", name="Matikan kamera").click()
    page.get_by_role("button", name="Kamera").click()
    expect(page.locator("#verdict-word")).to_have_text("Sudah dipakai")


@pytest.mark.skipif(not VENDOR.is_dir(), reason="npm was not reached: no third-party JavaScript")
def test_a_browser_without_qr_codes_and_ed25519_decides_without_network(
    with_camera: Browser, open_gate: Callable[..., Page], texts: list[str],
    service: tuple[str, Callable[[], None], Callable[[], None]],
) -> None:  # fmt: skip
    page = open_gate("Gerbang 1", with_camera)
    page.add_init_script(WITHOUT_ED25519)
    service[1]()
    page.reload()
    expect(page.locator("body")).to_have_attribute("data-verifier", "noble")

    page.get_by_role("button", name="Kamera").click()

    expect(page.locator("#verdict-word")).to_have_text("Silakan masuk")
    expect(page.locator("body")).to_have_attribute("data-decoder", "zxing")
    expect(page.locator("body")).to_have_attribute("data-unsent", "1")
    page.get_by_role("button", name="Matikan kamera").click()
    assert scan(page, forge(texts[1])).startswith("Palsu")
