"""Tests of a run killed at any moment: the next run completes it, nothing is lost or doubled.

The run is a process of its own, with Dagster's storage in PostgreSQL, as it is in production.
"""

import signal
import subprocess
import sys
import time
from subprocess import DEVNULL

import dagster as dg
import pytest
from sqlalchemy import func, insert, select

from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.db.tables.roster import entitlements, guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.paths import PROJECT_ROOT

pytestmark = [pytest.mark.kill, pytest.mark.process]

GUEST_COUNT = 35
WHOLE = "group:roster or group:tickets"
PATIENCE_SECONDS = 90


@pytest.fixture
def larger_event(database: Database, roster: Event) -> Event:
    """Add thirty-five guests to the event, so that rendering takes a second or two."""
    with database.transaction() as connection:
        kind = select(func.min(entitlements.c.ticket_type_id)).scalar_subquery()
        for number in range(GUEST_COUNT):
            person = connection.execute(
                insert(guests)
                .values(
                    event_id=roster.id, natural_key=f"id:c{number}", full_name=f"Guest {number}"
                )
                .returning(guests.c.id)
            ).scalar_one()
            connection.execute(
                insert(entitlements).values(
                    event_id=roster.id, guest_id=person, ticket_type_id=kind
                )
            )
    return roster


def _a_ticket_is_on_record(application: Application) -> bool:
    with application.database.transaction() as connection:
        return connection.execute(select(func.count(generated_tickets.c.id))).scalar_one() > 0


def _a_pdf_is_on_disk(application: Application) -> bool:
    return any(application.get(DocumentFolder).root.glob("*/*/TC-*.pdf"))


@pytest.fixture(params=[_a_ticket_is_on_record, _a_pdf_is_on_disk])
def killed_run_exit_code(
    request: pytest.FixtureRequest,
    process_environment: dict[str, str],
    application: Application,
    larger_event: Event,
    persistent_instance: dg.DagsterInstance,
) -> int:
    """Run the whole graph in a process killed at a given moment; return its exit code."""
    assert persistent_instance.get_dynamic_partitions("event") == [larger_event.slug]
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", WHOLE]
    command += ["--partition", larger_event.slug, "-m", "ticket_assets.definitions"]
    deadline = time.monotonic() + PATIENCE_SECONDS
    with subprocess.Popen(
        command, env=process_environment, cwd=PROJECT_ROOT, stdout=DEVNULL, stderr=DEVNULL
    ) as run:
        while not request.param(application) and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        run.kill()
    return run.returncode


def test_a_killed_run_is_finished_by_the_next(
    killed_run_exit_code: int,
    persistent_instance: dg.DagsterInstance,
    location: dg.Definitions,
    larger_event: Event,
) -> None:
    assert killed_run_exit_code == -signal.SIGKILL

    again = location.resolve_job_def("issue_event_tickets").execute_in_process(
        instance=persistent_instance, partition_key=larger_event.slug
    )

    report = again.asset_materializations_for_node("generation_report")[0].metadata
    assert (report["entitled"].value, report["generated"].value) == (40, 40)
    assert all(check.passed for check in again.get_asset_check_evaluations())
    # what died could not say so; in production the code server or the daemon's monitoring does
    ends = [run.status for run in persistent_instance.get_runs()]
    assert ends == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED]
