"""A real PostgreSQL for every test that asks: one server a worker, one fresh database a test."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from sqlalchemy import text

from ticketing.domain.events import Event
from ticketing.store import events
from ticketing.store.database import Database
from ticketing.store.embedded.server import EmbeddedServer
from ticketing.store.migrate import upgrade
from ticketing.store.schema import events as events_table

# a test's data may die with the machine: waiting for the disk proves nothing here
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """An embedded server for this worker, with a migrated database called `template_ticketing`."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # root's server runs as somebody else, who must find its way
        running = stack.enter_context(EmbeddedServer(folder, CARELESS))
        admin = Database.at(running.url("postgres"))
        with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CREATE DATABASE template_ticketing"))
        admin.dispose()
        template = Database.at(running.url("template_ticketing"))
        upgrade(template)
        template.dispose()
        yield running


@pytest.fixture
def database_url(server: EmbeddedServer) -> Iterator[str]:
    """The address of a fresh, migrated, empty database."""
    name = f"test_{uuid4().hex}"
    admin = Database.at(server.url("postgres"))
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(f"CREATE DATABASE {name} TEMPLATE template_ticketing STRATEGY file_copy")
        )
        yield server.url(name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated, empty database."""
    fresh = Database.at(database_url)
    yield fresh
    fresh.dispose()


@pytest.fixture
def now() -> datetime:
    """An afternoon some weeks before the event."""
    return datetime(2026, 11, 20, 8, 0, tzinfo=UTC)


@pytest.fixture
def event(database: Database) -> Event:
    """A graduation in Yogyakarta on 12 December 2026, 08:00-12:00 local time."""
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
        return events.get(connection, "wisuda-2026")
