"""Tests of the nightly retention job: PDFs of past events are deleted, tickets and reports kept."""

import dagster as dg
import pytest
from sqlalchemy import text

from ticketing.documents.file_store import DocumentFolder
from ticketing.events.model import Event
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
