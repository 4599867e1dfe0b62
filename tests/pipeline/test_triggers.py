"""Tests of sensors and schedules and of the runs they request."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from schedules.missing_tickets import issue_missing_tickets_hourly
from sensors.new_events import new_events
from ticketing.events.model import Event
from ticketing.platform.application import Application


@pytest.fixture
def instance(roster: Event, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Create a Dagster instance on disk with the event's partition; schedules reopen it."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as kept:
        kept.add_dynamic_partitions("event", [roster.slug])
        yield kept


@pytest.fixture
def newcomer(application: Application, roster: Event) -> str:
    """Create a second event without a partition."""
    with application.database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO events"
                " (slug, name, starts_at, ends_at, time_zone, locale, venue, region)"
                " SELECT 'konser-amal', 'Konser', starts_at, ends_at, time_zone, locale, venue,"
                " region FROM events WHERE id = :id"
            ),
            {"id": roster.id},
        )
    return "konser-amal"


def test_a_new_event_gets_its_partition_once(
    instance: dg.DagsterInstance, application: Application, newcomer: str
) -> None:
    context = dg.build_sensor_context(instance=instance, resources={"application": application})

    added, repeated = new_events(context), new_events(context)

    assert added == dg.SkipReason(f"1 partitions added, such as {newcomer}")
    assert repeated == dg.SkipReason("all 2 events have a partition")
    assert newcomer in instance.get_dynamic_partitions("event")


def test_the_schedule_requests_runs_for_events_with_missing_tickets(
    instance: dg.DagsterInstance, application: Application, roster: Event, newcomer: str
) -> None:
    instance.add_dynamic_partitions("event", [newcomer])
    context = dg.build_schedule_context(
        instance=instance,
        resources={"application": application},
        scheduled_execution_time=datetime(2026, 11, 20, 8, tzinfo=UTC),
    )

    requests = list(issue_missing_tickets_hourly(context))

    assert [request.partition_key for request in requests] == [roster.slug]
    assert requests[0].run_key == "wisuda-2026 2026-11-20T08:00Z"


@pytest.mark.usefixtures("issued")
def test_the_schedule_requests_no_run_without_missing_tickets(
    instance: dg.DagsterInstance, application: Application
) -> None:
    context = dg.build_schedule_context(
        instance=instance,
        resources={"application": application},
        scheduled_execution_time=datetime(2026, 11, 20, 8, tzinfo=UTC),
    )

    (answer,) = issue_missing_tickets_hourly(context)

    assert answer == dg.SkipReason("no ticket is missing in 1 events")


def test_no_run_is_requested_for_a_past_event(
    instance: dg.DagsterInstance, application: Application, roster: Event
) -> None:
    context = dg.build_schedule_context(
        instance=instance,
        resources={"application": application},
        scheduled_execution_time=roster.tickets_valid_until.replace(year=2027),
    )

    (answer,) = issue_missing_tickets_hourly(context)

    assert isinstance(answer, dg.SkipReason)
