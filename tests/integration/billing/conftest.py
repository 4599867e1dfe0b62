"""Fixtures: runs of a source in memory, and what they left in the database."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from tests.plugins.billing_source import FAST, School
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database


def clock() -> datetime:
    """Return the present time, which claims and retries need."""
    return datetime.now(UTC)


@pytest.fixture
def connector(school: School) -> BillingConnector:
    """Return the connector of the source in memory, without a limit to speak of."""
    return BillingConnector("school", lambda _gate: school, limit=FAST, concurrency=8)


@pytest.fixture
def drive(database: Database, connector: BillingConnector) -> Callable[..., SyncRun | None]:
    """Return a function that drives what was started."""
    return partial(drive_next, database, connector, clock=clock)


@pytest.fixture
def sync(database: Database, drive: Callable[..., SyncRun | None]) -> Callable[[], SyncRun]:
    """Return a function that starts a run, or resumes one, and drives it to its end."""

    def run() -> SyncRun:
        start_run(database, "school", limit=FAST, by="test", at=clock())
        done = drive()
        assert done is not None
        return done

    return run


@dataclass(frozen=True)
class Stored:
    """Reads rows as tuples."""

    database: Database

    def __call__(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.database.transaction() as connection:
            return [tuple(row) for row in connection.execute(text(sql), parameters)]


@pytest.fixture
def stored(database: Database) -> Stored:
    """Return a reader of the database."""
    return Stored(database)
