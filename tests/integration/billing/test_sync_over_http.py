"""Test of a sync with the simulated billing API, over sockets and with its faults."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from simulators.billing.server import BillingSimulator
from tests.integration.billing.conftest import Stored, clock
from ticketing.app.billing_source import billing_connector
from ticketing.billing.sync.control import start_run
from ticketing.billing.sync.drive import drive_next
from ticketing.billing.sync.failure_policy import POLICIES
from ticketing.billing.sync.run import SyncRun
from ticketing.platform.db.database import Database
from ticketing.platform.settings import Settings

STUDENTS, LIMIT = 250, 400


@pytest.fixture
def simulator() -> Iterator[BillingSimulator]:
    """Run the simulated API with a limit."""
    with BillingSimulator(STUDENTS) as running:
        running.api.set_limit("bucket", LIMIT)
        yield running


@pytest.fixture
def sync_over_http(database: Database, simulator: BillingSimulator) -> Callable[[], SyncRun]:
    """Return a function that runs a sync with the source that the settings name."""
    settings = Settings(_env_file=None, billing_simulator_url=simulator.url)
    found = billing_connector(settings)
    assert found is not None
    connector = replace(found, limit=LIMIT)

    def run() -> SyncRun:
        start_run(database, connector.name, limit=connector.limit, by="test", at=clock())
        done = drive_next(database, connector, clock=clock)
        assert done is not None
        return done

    return run


def test_faults_of_a_real_api_cost_tries_and_no_student(
    sync_over_http: Callable[[], SyncRun],
    simulator: BillingSimulator,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at_once = {
        kind: replace(policy, delays=(timedelta(0),) * len(policy.delays))
        for kind, policy in POLICIES.items()
    }
    monkeypatch.setattr("ticketing.billing.sync.failure_policy.POLICIES", at_once)
    simulator.api.faults = {"500": 0.04, "bom": 0.04, "php-warning": 0.02, "hang-up": 0.02}
    first = sync_over_http()
    faulty = simulator.api.seen()
    simulator.api.faults = {}
    second = sync_over_http()
    again = simulator.api.seen()

    assert (first.status, first.total) == ("completed", STUDENTS)
    assert first.succeeded + first.failed == STUDENTS
    assert first.succeeded >= STUDENTS - 3
    assert faulty["most_per_student"] <= 3
    assert faulty["most_per_second"] <= 1.1 * LIMIT
    assert (second.succeeded, second.failed) == (STUDENTS, 0)
    assert second.unchanged == first.succeeded
    assert again["statuses"]["304"] == first.succeeded
    assert "429" not in again["statuses"]
    assert stored("SELECT count(*) FROM payment_record_versions") == [(STUDENTS,)]
