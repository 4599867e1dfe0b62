"""Tests of the failure digest: one line per cause of failed steps, checks and backfills."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from sqlalchemy import Engine, event, text

from sensors.backfill_failures import backfill_failures
from sensors.check_failures import check_failures
from sensors.run_failures import run_failures
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incident_groups import group_by_cause
from ticketing.platform.db.incidents import Incident

Digest = Callable[[], list[Incident]]


@pytest.fixture
def digest_of_checks(instance: dg.DagsterInstance, application: Application) -> Digest:
    """Return a function that evaluates the check sensor and lists open incidents."""

    def tick() -> list[Incident]:
        check_failures(
            dg.build_sensor_context(instance=instance, resources={"application": application})
        )
        with application.database.transaction() as connection:
            return incidents.list_open(connection)

    return tick


@pytest.fixture
def digest_of_runs(instance: dg.DagsterInstance, application: Application) -> Digest:
    """Return a function that evaluates the run sensor and lists open incidents."""
    context = dg.build_sensor_context(instance=instance, resources={"application": application})

    def tick() -> list[Incident]:
        run_failures(context)
        with application.database.transaction() as connection:
            return incidents.list_open(connection)

    return tick


@pytest.fixture
def digest_of_backfills(
    instance: dg.DagsterInstance, application: Application
) -> Callable[..., list[str]]:
    """Return a function that ends a backfill at a time and lists the messages after a tick."""

    def end(backfill_id: str, status: BulkActionStatus, *, minutes_ago: int) -> list[str]:
        instance.add_backfill(
            PartitionBackfill(
                backfill_id=backfill_id,
                status=status,
                from_failure=False,
                tags={},
                backfill_timestamp=time.time() - 60 * minutes_ago,
                asset_selection=[dg.AssetKey("tickets"), dg.AssetKey("ticket_pdfs")],
            )
        )
        backfill_failures(
            dg.build_sensor_context(instance=instance, resources={"application": application})
        )
        return [line.message for line in application.database.run(incidents.list_open)]

    return end


@pytest.fixture
def generate(
    location: dg.Definitions, instance: dg.DagsterInstance, roster: Event
) -> Callable[[], dg.ExecuteInProcessResult]:
    """Return a function that runs the whole graph for the event and ignores failed steps."""

    def run() -> dg.ExecuteInProcessResult:
        return location.resolve_job_def("issue_event_tickets").execute_in_process(
            instance=instance, partition_key=roster.slug, raise_on_error=False
        )

    return run


@pytest.fixture
def broken_template(application: Application) -> Path:
    """Write an operator's version of the event's template that has an error."""
    application.settings.templates_path = application.settings.data_path / "templates"
    page = application.settings.templates_path / "classic" / "ticket.html.j2"
    page.parent.mkdir(parents=True)
    page.write_text("{{ noSuchField }}", encoding="utf-8")
    return page


def test_a_failing_check_is_one_line_with_its_repair(
    check_results: Callable[[], object],
    digest_of_checks: Digest,
    application: Application,
    issued: Event,
) -> None:
    next((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf")).unlink()
    check_results()

    (line,) = digest_of_checks()

    assert line.cause == "check:ticket_pdfs_exist:wisuda-2026"
    assert (line.event_slug, line.occurrences) == (issued.slug, 1)
    assert "ticketing generate-tickets --event wisuda-2026" in line.message


def test_the_same_result_is_recorded_once_and_a_repeated_one_counted(
    check_results: Callable[[], object],
    digest_of_checks: Digest,
    application: Application,
    issued: Event,
) -> None:
    next((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf")).unlink()
    check_results()
    digest_of_checks()
    (told_again,) = digest_of_checks()

    check_results()
    (failed_again,) = digest_of_checks()

    assert (told_again.occurrences, failed_again.occurrences) == (1, 2)


def test_a_check_that_passes_again_leaves_the_digest(
    check_results: Callable[[], object],
    digest_of_checks: Digest,
    application: Application,
    issued: Event,
) -> None:
    pdf = next((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf"))
    content = pdf.read_bytes()
    pdf.unlink()
    check_results()
    digest_of_checks()

    pdf.write_bytes(content)
    check_results()

    assert digest_of_checks() == []


@pytest.mark.usefixtures("broken_template")
def test_a_failed_step_is_one_line_with_our_error(
    generate: Callable[[], dg.ExecuteInProcessResult],
    digest_of_runs: Digest,
) -> None:
    assert not generate().success

    (line,) = digest_of_runs()

    assert line.cause == "run:ticket_pdfs:wisuda-2026"
    assert "noSuchField" in line.message
    assert "Traceback" not in line.message


@pytest.mark.usefixtures("broken_template")
def test_a_failed_run_seen_at_every_tick_counts_once(
    generate: Callable[[], dg.ExecuteInProcessResult],
    digest_of_runs: Digest,
) -> None:
    generate()
    digest_of_runs()

    (line,) = digest_of_runs()

    assert line.occurrences == 1


@pytest.mark.slow
def test_a_step_that_succeeds_at_last_leaves_the_digest(
    broken_template: Path,
    generate: Callable[[], dg.ExecuteInProcessResult],
    digest_of_runs: Digest,
    application: Application,
) -> None:
    generate()
    digest_of_runs()

    broken_template.unlink()
    assert generate().success

    assert digest_of_runs() == []
    with application.database.transaction() as connection:
        assert len(incidents.list_latest(connection)) == 1


def test_a_run_of_a_dead_process_is_reported_under_the_name_of_its_job(
    instance: dg.DagsterInstance, location: dg.Definitions, digest_of_runs: Digest, roster: Event
) -> None:
    job = location.resolve_job_def("issue_event_tickets")
    run = instance.create_run_for_job(job, tags={"dagster/partition": roster.slug})
    instance.report_run_failed(run, "the process was killed")

    (line,) = digest_of_runs()

    assert line.cause == "run:issue_event_tickets:wisuda-2026"
    assert line.last_run_id == run.run_id


@pytest.mark.usefixtures("fresh_database_url")
def test_of_an_unexpected_error_the_digest_shows_no_statement_and_no_row(
    generate: Callable[[], dg.ExecuteInProcessResult],
    digest_of_runs: Digest,
    application: Application,
) -> None:
    with application.database.transaction() as connection:
        connection.execute(text("ALTER TABLE ticket_types RENAME TO gone"))
    generate()

    told = " ".join(line.message for line in digest_of_runs())

    assert "UndefinedTable" in told
    assert "SELECT" not in told
    assert "parameters" not in told


def test_a_cancelled_backfill_is_an_incident_until_a_later_one_of_its_assets_succeeds(
    digest_of_backfills: Callable[..., list[str]],
) -> None:
    succeeded = digest_of_backfills("first", BulkActionStatus.COMPLETED_SUCCESS, minutes_ago=9)
    cancelled = digest_of_backfills("second", BulkActionStatus.CANCELED, minutes_ago=6)
    failed = digest_of_backfills("third", BulkActionStatus.COMPLETED_FAILED, minutes_ago=3)
    repeated = digest_of_backfills("fourth", BulkActionStatus.COMPLETED_SUCCESS, minutes_ago=1)

    assert (succeeded, repeated) == ([], [])
    assert cancelled[0].startswith(
        "backfill second of ticket_pdfs, tickets cancelled before all of its events were done"
    )
    assert failed[0].startswith("backfill third of ticket_pdfs, tickets ended with failed runs")


def test_failures_of_many_events_are_read_in_one_query_and_are_one_line(
    instance: dg.DagsterInstance, application: Application, digest_of_checks: Digest, roster: Event
) -> None:
    with application.database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO events"
                " (slug, name, starts_at, ends_at, time_zone, locale, venue, region)"
                " SELECT 'event-' || n, name, starts_at, ends_at, time_zone, locale, venue, region"
                " FROM events, generate_series(0, 29) n WHERE id = :id"
            ),
            {"id": roster.id},
        )
    for number in range(30):
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("ticket_pdfs"),
                check_name="ticket_pdfs_exist",
                passed=False,
                metadata={},
                description="1 of 5 PDFs",
                partition=f"event-{number}",
            )
        )
    statements: list[str] = []
    note = partial(_note_statement, statements)
    event.listen(Engine, "before_cursor_execute", note)

    try:
        (group,) = group_by_cause(digest_of_checks())
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert group.cause == "check:ticket_pdfs_exist"
    assert len(group.lines) == 30
    assert sum("asset_check_executions" in statement for statement in statements) == 1


def _note_statement(statements: list[str], *cursor_and_statement: object) -> None:
    statements.append(str(cursor_and_statement[2]))
