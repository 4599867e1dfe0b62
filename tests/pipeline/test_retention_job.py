"""Tests of the nightly retention jobs: PDFs of past events, and people's data by rules."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from sqlalchemy import text

from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
from ticketing.people_data.field_class import FieldClass
from ticketing.people_data.set_retention import set_retention
from ticketing.platform.application import Application
from ticketing.tickets.reports import queries as report_queries


@pytest.fixture
def long_over(application: Application, issued: Event) -> Event:
    """Move the event to last year, after its tickets were printed."""
    with application.database.transaction() as connection:
        connection.execute(
            text("UPDATE events SET starts_at = '2025-01-01Z', ends_at = '2025-01-01Z'")
        )
    return issued


@pytest.mark.parametrize(("dry_run", "left"), [(True, 5), (False, 0)])
def test_the_pdfs_of_an_event_long_over_are_deleted_unless_it_is_a_dry_run(
    location: dg.Definitions,
    instance: dg.DagsterInstance,
    application: Application,
    long_over: Event,
    dry_run: bool,
    left: int,
) -> None:
    result = location.resolve_job_def("document_retention").execute_in_process(
        instance=instance,
        run_config={"ops": {"remove_expired_documents": {"config": {"dry_run": dry_run}}}},
    )

    assert result.success
    assert (
        len(list((application.get(DocumentFolder).root / long_over.slug).glob("*/TC-*.pdf")))
        == left
    )
    with application.database.transaction() as connection:
        assert report_queries.count_live_tickets(connection, long_over.id) == 5


def test_a_future_event_keeps_its_pdfs(
    location: dg.Definitions, instance: dg.DagsterInstance, application: Application, issued: Event
) -> None:
    location.resolve_job_def("document_retention").execute_in_process(instance=instance)

    assert len(list((application.get(DocumentFolder).root / issued.slug).glob("*/TC-*.pdf"))) == 5


def test_peoples_data_are_erased_by_rules_only_and_the_metadata_says_what_and_why(
    location: dg.Definitions,
    instance: dg.DagsterInstance,
    application: Application,
    long_over: Event,
    idle_instance: dg.DagsterInstance,
) -> None:
    schedule = location.resolve_schedule_def("apply_retention_nightly")
    tick = datetime(2026, 12, 1, 19, 45, tzinfo=UTC)

    def is_requested() -> bool:
        with dg.build_schedule_context(
            idle_instance, scheduled_execution_time=tick, resources={"application": application}
        ) as context:
            return bool(schedule.evaluate_tick(context).run_requests)

    assert not is_requested()
    set_retention(application.database, FieldClass.NAMES, None, 30, by="office", at=tick)
    assert is_requested()
    result = location.resolve_job_def("apply_retention").execute_in_process(instance=instance)

    [event] = result.get_asset_materialization_events()
    metadata = event.materialization.metadata
    assert metadata["rows"].value == 5
    assert f"| names | {long_over.slug} | 30 | 5 | 0 |" in str(metadata["rules applied"].value)
