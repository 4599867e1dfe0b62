"""Shared fixtures: a PostgreSQL server per worker, an empty database per test, a browser."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from sqlalchemy import text

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.db.embedded.server import EmbeddedServer
from ticketing.platform.db.migrate import upgrade
from ticketing.platform.db.tables.events import events as events_table
from ticketing.platform.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest_plugins = ["tests.plugins.databases"]

PATIENCE_MILLISECONDS = 60_000  # the machine may have other work
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# a test's data may die with the machine: waiting for the disk proves nothing here
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Loading and unloading takes a process nearly all of its time. Here both are done once: a script
# begins, in a process of its own, with everything loaded, and ends without putting anything away.
# A line in is a script, a line out is its exit code.
STARTER = """
import atexit, gc, importlib, json, os, pkgutil, signal, sys, time, traceback
import ticketing

for module in pkgutil.walk_packages(ticketing.__path__, "ticketing."):
    if ".migrations" not in module.name:
        importlib.import_module(module.name)
gc.freeze()
for line in sys.stdin:
    script, arguments, environment, *streams = json.loads(line)
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    signal.alarm(300)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, path in enumerate(streams):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), number)
    sys.argv, code = arguments, 0
    try:
        exec(script, {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
os._exit(0)
"""
COMMAND = "import ticketing.__main__; ticketing.__main__.main()"


@pytest.fixture(scope="session")
def starter() -> Iterator[Popen[str]]:
    """Start the process that forks scripts with all modules loaded."""
    with Popen(
        [sys.executable, "-c", STARTER], cwd=PROJECT_ROOT, stdin=PIPE, stdout=PIPE, text=True
    ) as process:
        yield process


@pytest.fixture(scope="session")
def run_script(
    starter: Popen[str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., CompletedProcess[str]]:
    """Return a function that runs a script in its own process; `given` is its standard input."""

    def run(
        script: str, *arguments: str, environment: Mapping[str, str] = os.environ, given: str = ""
    ) -> CompletedProcess[str]:
        into, out, err = (tmp_path_factory.getbasetemp() / f"{uuid4().hex}.txt" for _ in range(3))
        into.write_text(given)
        asked = [script, ["script", *arguments], dict(environment), str(into), str(out), str(err)]
        print(json.dumps(asked), file=starter.stdin, flush=True)
        code = starter.stdout.readline() if starter.stdout else ""
        return CompletedProcess(arguments, int(code), out.read_text(), err.read_text())

    return run


@pytest.fixture(scope="session")
def run_ticketing(
    run_script: Callable[..., CompletedProcess[str]],
) -> Callable[..., CompletedProcess[str]]:
    """Return a function that runs `ticketing …`."""
    return partial(run_script, COMMAND)


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """Start an embedded server for this worker with a migrated database `template_ticketing`."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # root's server runs as somebody else, who must find its way
        running = stack.enter_context(EmbeddedServer(folder, CARELESS))
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
    """Create a graduation in Yogyakarta on 12 December 2026, 08:00-12:00 local time."""
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
    """Open a phone-sized page; blocked content and script errors fail the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, accept_downloads=True)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    yield page
    context.close()
    assert complaints == []
