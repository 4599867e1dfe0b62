"""Shared fixtures: a PostgreSQL server per worker, an empty database per test, a browser."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.db.tables.events import events as events_table

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = [
    "tests.plugins.billing_source",
    "tests.plugins.databases",
    "tests.plugins.durations",
    "tests.plugins.gateway",
    "tests.plugins.ports",
    "tests.plugins.processes",
    "tests.plugins.properties",
    "tests.plugins.statements",
    "tests.plugins.temporary_files",
    "tests.plugins.waiting",
    "tests.plugins.workbooks",
]

PATIENCE_MILLISECONDS = 60_000  # the machine may have other work
# to empty the audit tables, and to drop a database that autovacuum is working on
RIGHTS_OF_TESTS = ("SET ON PARAMETER session_replication_role", "pg_signal_backend")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# a test's data may die with the machine: waiting for the disk proves nothing here
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "256MB",  # several workers' may lie in memory
}


@pytest.fixture(scope="session")
def server(memory_folder: Path | None) -> Iterator[EmbeddedServer]:
    """Start an embedded server for this worker with a migrated database `template_ticketing`."""
    with TemporaryDirectory(dir=memory_folder) as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # root's server runs as somebody else, who must find its way
        running = stack.enter_context(EmbeddedServer(folder, CARELESS))
        superuser = Database.from_url(running.admin_url("postgres"))
        with superuser.transaction() as connection:
            for right in RIGHTS_OF_TESTS:
                connection.execute(text(f"GRANT {right} TO ticketing"))
        superuser.dispose()
        admin = Database.from_url(running.url("postgres"))
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CREATE DATABASE template_ticketing"))
        admin.dispose()
        template = Database.from_url(running.url("template_ticketing"))
        upgrade(template)
        template.dispose()
        yield running


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open a migrated, empty database."""
    fresh = Database.from_url(database_url)
    yield fresh
    fresh.dispose()


@pytest.fixture
def now() -> datetime:
    """Return a time some weeks before the event."""
    return datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def event(database: Database) -> Event:
    """Create a graduation in Yogyakarta on 12 December 2026, 08:00-12:00 local time.

    Its buyers get no notices, so that a test counts the messages that it is about.
    """
    with database.transaction() as connection:
        connection.execute(
            events_table.insert().values(
                slug="wisuda-2026",
                name="Wisuda Periode II 2026",
                starts_at=datetime(2026, 12, 12, 1, 0, tzinfo=UTC),
                ends_at=datetime(2026, 12, 12, 5, 0, tzinfo=UTC),
                time_zone="Asia/Jakarta",
                locale="id",
                venue="Grha Sabha Pramana, Yogyakarta",
                region="ID",
                buyer_notices="none",
            )
        )
        return event_queries.get(connection, "wisuda-2026")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Start headless Chromium; the test is skipped if it is not installed."""
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("there is no chromium: `make setup-dev` installs Debian's")
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - few tests need it

    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        # root has no user namespace to put a sandbox in; only our own pages are opened
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def phone(browser: "Browser") -> Iterator["Page"]:
    """Open an Indonesian page on a phone; blocked content and script errors fail the test."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, locale="id-ID", accept_downloads=True
    )
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def has_no_violations(phone: "Page") -> Callable[[], bool]:
    """Return a function that judges the open page by axe: light on a phone, dark on a desktop."""

    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - few tests need it

    def judge() -> bool:
        for scheme, width in (("light", 390), ("dark", 1280)):
            phone.emulate_media(color_scheme=scheme)
            phone.set_viewport_size({"width": width, "height": 844})
            report = Axe().run(phone)
            assert report.violations_count == 0, f"{scheme}, {width} px: {report.generate_report()}"
        return True

    return judge
