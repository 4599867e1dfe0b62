"""Test of a run of the payment sync that is terminated: the process ends, and so does the sync."""

import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from subprocess import DEVNULL

import dagster as dg
import pytest

from simulators.billing.server import BillingSimulator
from ticketing.billing.sync.progress import SyncProgress, progress
from ticketing.platform.application import Application
from ticketing.platform.paths import PROJECT_ROOT, TEMPLATES

pytestmark = [pytest.mark.kill, pytest.mark.process]

PATIENCE_SECONDS, STUDENTS, SLOW_SECONDS = 90, 300, 0.2
COMMAND = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "payment_records",
           "-m", "ticket_assets.definitions"]  # fmt: skip


def test_terminating_the_run_cancels_the_sync_and_what_is_done_is_kept(
    process_environment: dict[str, str], application: Application,
    persistent_instance: dg.DagsterInstance,
) -> None:  # fmt: skip
    def shown() -> SyncProgress:
        return progress(application.database, "pesantren", at=datetime.now(UTC))

    with BillingSimulator(STUDENTS) as school:
        school.api.set(latency_seconds=SLOW_SECONDS)
        environment = process_environment | {
            "BILLING_URL": school.url, "BILLING_MAPPING": f"{TEMPLATES}/billing/pesantren.toml",
        }  # fmt: skip
        deadline = time.monotonic() + PATIENCE_SECONDS
        with subprocess.Popen(
            COMMAND, env=environment, cwd=PROJECT_ROOT, stdout=DEVNULL, stderr=DEVNULL
        ) as run:
            while (found := shown().run) is None or not found.processed:
                assert run.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            run.send_signal(signal.SIGINT)  # as Dagster's page does by its launcher
            run.wait(PATIENCE_SECONDS)
    ended = shown()

    assert ended.status == "cancelled"
    assert ended.run is not None
    assert 0 < ended.run.processed < STUDENTS
    [stored] = persistent_instance.get_runs()
    assert stored.status in {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}
