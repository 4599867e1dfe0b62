"""Failed steps and failing checks become one line a cause, and go when the cause is gone."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from sensors.check_failures import check_failures
from sensors.run_failures import run_failures
from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import Incident

Digest = Callable[[], list[Incident]]


@pytest.fixture
def told_by_checks(instance: dg.DagsterInstance, application: Application) -> Digest:
    """Lets the sensor over checks tick, and gives the open lines of the digest."""

    def tick() -> list[Incident]:
        check_failures(
            dg.build_sensor_context(instance=instance, resources={"application": application})
        )
        with application.database.transaction() as connection:
            return incidents.list_open(connection)

    return tick


@pytest.fixture
def told_by_runs(instance: dg.DagsterInstance, application: Application) -> Digest:
    """Lets the sensor over runs tick, with the cursor it left, and gives the open lines."""
    context = dg.build_sensor_context(instance=instance, resources={"application": application})

    def tick() -> list[Incident]:
        run_failures(context)
        with application.database.transaction() as connection:
            return incidents.list_open(connection)

    return tick


@pytest.fixture
def generate(
    location: dg.Definitions, instance: dg.DagsterInstance, roster: Event
) -> Callable[[], dg.ExecuteInProcessResult]:
    """Runs the whole graph for the event; a failing step is no error here."""

    def run() -> dg.ExecuteInProcessResult:
        return location.resolve_job_def("issue_event_tickets").execute_in_process(
            instance=instance, partition_key=roster.slug, raise_on_error=False
        )

    return run


@pytest.fixture
def broken_template(application: Application) -> Path:
    """The operator's own version of the event's template, with a mistake in it."""
    application.settings.templates_path = application.settings.data_path / "templates"
    page = application.settings.templates_path / "classic" / "ticket.html.j2"
    page.parent.mkdir(parents=True)
    page.write_text("{{ noSuchField }}", encoding="utf-8")
    return page


def test_a_failing_check_is_one_line_with_the_way_to_repair(
    examined: Callable[[], object], told_by_checks: Digest, application: Application, issued: Event
) -> None:
    next((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf")).unlink()
    examined()

    (line,) = told_by_checks()

    assert line.cause == "check:ticket_pdfs_exist:wisuda-2026"
    assert (line.event_slug, line.occurrences) == (issued.slug, 1)
    assert "ticketing generate-tickets --event wisuda-2026" in line.message


def test_the_same_verdict_is_told_once_and_a_repeated_one_counted(
    examined: Callable[[], object], told_by_checks: Digest, application: Application, issued: Event
) -> None:
    next((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf")).unlink()
    examined()
    told_by_checks()
    (told_again,) = told_by_checks()

    examined()
    (failed_again,) = told_by_checks()

    assert (told_again.occurrences, failed_again.occurrences) == (1, 2)


def test_a_check_that_passes_again_leaves_the_digest(
    examined: Callable[[], object], told_by_checks: Digest, application: Application, issued: Event
) -> None:
    pdf = next((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf"))
    content = pdf.read_bytes()
    pdf.unlink()
    examined()
    told_by_checks()

    pdf.write_bytes(content)
    examined()

    assert told_by_checks() == []


@pytest.mark.usefixtures("broken_template")
def test_a_failed_step_is_one_line_in_our_own_words(
    generate: Callable[[], dg.ExecuteInProcessResult],
    told_by_runs: Digest,
) -> None:
    assert not generate().success

    (line,) = told_by_runs()

    assert line.cause == "run:ticket_pdfs:wisuda-2026"
    assert "noSuchField" in line.message
    assert "Traceback" not in line.message


@pytest.mark.usefixtures("broken_template")
def test_a_failed_run_told_at_every_tick_counts_once(
    generate: Callable[[], dg.ExecuteInProcessResult],
    told_by_runs: Digest,
) -> None:
    generate()
    told_by_runs()

    (line,) = told_by_runs()

    assert line.occurrences == 1


@pytest.mark.slow
def test_a_step_that_succeeds_at_last_leaves_the_digest(
    broken_template: Path,
    generate: Callable[[], dg.ExecuteInProcessResult],
    told_by_runs: Digest,
    application: Application,
) -> None:
    generate()
    told_by_runs()

    broken_template.unlink()
    assert generate().success

    assert told_by_runs() == []
    with application.database.transaction() as connection:
        assert len(incidents.list_latest(connection)) == 1


def test_a_run_whose_process_died_is_told_under_its_jobs_name(
    instance: dg.DagsterInstance, location: dg.Definitions, told_by_runs: Digest, roster: Event
) -> None:
    job = location.resolve_job_def("issue_event_tickets")
    run = instance.create_run_for_job(job, tags={"dagster/partition": roster.slug})
    instance.report_run_failed(run, "the process was killed")

    (line,) = told_by_runs()

    assert line.cause == "run:issue_event_tickets:wisuda-2026"
    assert line.last_run_id == run.run_id


@pytest.mark.usefixtures("fresh_database_url")
def test_of_an_unexpected_error_the_digest_shows_no_statement_and_no_row(
    generate: Callable[[], dg.ExecuteInProcessResult],
    told_by_runs: Digest,
    application: Application,
) -> None:
    with application.database.transaction() as connection:
        connection.execute(text("ALTER TABLE ticket_types RENAME TO gone"))
    generate()

    told = " ".join(line.message for line in told_by_runs())

    assert "UndefinedTable" in told
    assert "SELECT" not in told
    assert "parameters" not in told
