"""Tests of incidents: one per cause, occurrences counted once, closed with the cause."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from ticketing.events.model import Event
from ticketing.platform.db import incidents
from ticketing.platform.db.database import Database
from ticketing.platform.db.incident_groups import group_by_cause, resolve_cause
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.platform.db.tables.events import events

HOUR = timedelta(hours=1)


@pytest.fixture
def lost_pdf(event: Event, now: datetime) -> Occurrence:
    """Return a check occurrence of a missing PDF."""
    return Occurrence(
        cause=f"check:every_pdf_exists:{event.slug}",
        kind=IncidentKind.CHECK,
        message="1 PDF is gone",
        at=now,
        event_slug=event.slug,
        run_id="run-1",
    )


def test_a_first_occurrence_opens_a_line(database: Database, lost_pdf: Occurrence) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)

    with database.transaction() as connection:
        (line,) = incidents.list_open(connection)
    assert (line.cause, line.event_slug, line.occurrences) == (lost_pdf.cause, "wisuda-2026", 1)
    assert line.first_seen_at == line.last_seen_at == lost_pdf.at


def test_the_same_occurrence_recorded_twice_counts_once(
    database: Database, lost_pdf: Occurrence
) -> None:
    with database.transaction() as connection:
        assert incidents.record_occurrence(connection, lost_pdf)
        assert not incidents.record_occurrence(connection, lost_pdf)

        (line,) = incidents.list_open(connection)

    assert line.occurrences == 1


def test_a_later_occurrence_is_counted_on_the_same_line(
    database: Database, lost_pdf: Occurrence
) -> None:
    later = replace(lost_pdf, at=lost_pdf.at + HOUR, message="2 PDFs are gone", run_id="run-2")
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)
        incidents.record_occurrence(connection, later)

        (line,) = incidents.list_open(connection)

    assert (line.occurrences, line.message, line.last_run_id) == (2, "2 PDFs are gone", "run-2")
    assert line.last_seen_at - line.first_seen_at == HOUR


def test_an_older_occurrence_recorded_late_changes_nothing(
    database: Database, lost_pdf: Occurrence
) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)

        assert not incidents.record_occurrence(connection, replace(lost_pdf, at=lost_pdf.at - HOUR))


def test_a_resolved_cause_leaves_the_digest(database: Database, lost_pdf: Occurrence) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)

        assert incidents.resolve(connection, lost_pdf.cause, at=lost_pdf.at + HOUR)

        assert incidents.list_open(connection) == []
        (line,) = incidents.list_latest(connection)
    assert line.resolved_at == lost_pdf.at + HOUR


def test_a_success_before_the_failure_resolves_nothing(
    database: Database, lost_pdf: Occurrence
) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)

        assert not incidents.resolve(connection, lost_pdf.cause, at=lost_pdf.at - HOUR)
        assert not incidents.resolve(connection, "another cause", at=lost_pdf.at + HOUR)

        assert len(incidents.list_open(connection)) == 1


def test_a_resolved_occurrence_recorded_again_stays_resolved(
    database: Database, lost_pdf: Occurrence
) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)
        incidents.resolve(connection, lost_pdf.cause, at=lost_pdf.at + HOUR)

        assert not incidents.record_occurrence(connection, lost_pdf)

        assert incidents.list_open(connection) == []


def test_a_cause_that_comes_back_opens_a_new_line(database: Database, lost_pdf: Occurrence) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(connection, lost_pdf)
        incidents.resolve(connection, lost_pdf.cause, at=lost_pdf.at + HOUR)
        incidents.record_occurrence(connection, replace(lost_pdf, at=lost_pdf.at + 2 * HOUR))

        (line,) = incidents.list_open(connection)
        history = incidents.list_latest(connection)

    assert line.occurrences == 1
    assert len(history) == 2


def test_a_failed_run_of_no_event_is_a_line_too(database: Database, now: datetime) -> None:
    with database.transaction() as connection:
        incidents.record_occurrence(
            connection, Occurrence("run:retention", IncidentKind.RUN, "disk full", now)
        )

        (line,) = incidents.list_open(connection)

    assert (line.event_slug, line.kind) == (None, IncidentKind.RUN)


def test_a_cause_in_several_events_is_one_line_with_its_first_events_until_someone_resolves_it(
    database: Database, now: datetime
) -> None:
    slugs = ["gala", "konser", "pameran", "wisuda"]
    with database.transaction() as connection:
        for slug in slugs:
            connection.execute(
                insert(events).values(
                    slug=slug,
                    name=slug,
                    venue="Aula",
                    starts_at=now,
                    ends_at=now + HOUR,
                    time_zone="Asia/Jakarta",
                    locale="id",
                    region="ID",
                )
            )
            incidents.record_occurrence(
                connection,
                Occurrence(f"check:pdfs:{slug}", IncidentKind.CHECK, "1 PDF is gone", now, slug),
            )
        incidents.record_occurrence(
            connection, Occurrence("channel:mail", IncidentKind.CHANNEL, "stopped", now)
        )
        of_channel, of_check = group_by_cause(incidents.list_open(connection))

        resolved = resolve_cause(connection, of_check.cause, at=now + HOUR, by="ani")

        left = incidents.list_open(connection)
        again = [
            incidents.record_occurrence(
                connection,
                Occurrence(f"check:pdfs:{slug}", IncidentKind.CHECK, "1 PDF is gone", at, slug),
            )
            for slug, at in [("gala", now), ("gala", now + 2 * HOUR)]
        ]

    assert (of_channel.message, of_check.cause) == ("stopped", "check:pdfs")
    assert of_check.message == "4 events (wisuda, pameran, konser, …): 1 PDF is gone"
    assert (resolved, [line.cause for line in left], again) == (4, ["channel:mail"], [False, True])
