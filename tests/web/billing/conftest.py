"""Fixtures: a web service whose source of payment records is a school in memory."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests.plugins.billing_source import FAST, School
from ticketing.billing.sync.drive import BillingConnector, drive_next
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database


@pytest.fixture
def connector(school: School) -> BillingConnector:
    """Return the connector of the source in memory."""
    return BillingConnector("school", lambda _gate: school, limit=FAST, concurrency=8)


@pytest.fixture
def application(
    open_test_application: Callable[..., AbstractContextManager[Application]],
    database_url: str,
    tmp_path: Path,
    connector: BillingConnector,
) -> Iterator[Application]:
    """Open an application with the source in memory."""
    with open_test_application(database_url, tmp_path / "data") as opened:
        others = opened.get_factory
        opened.get_factory = lambda kind: (
            (lambda _: connector) if kind is BillingConnector else others(kind)
        )
        yield opened


@pytest.fixture
def drive(database: Database, connector: BillingConnector) -> Callable[..., SyncRun | None]:
    """Return a function that drives what was started, as the worker does."""
    return partial(drive_next, database, connector, clock=lambda: datetime.now(UTC))
