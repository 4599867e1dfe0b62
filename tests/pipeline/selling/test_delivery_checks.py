"""Tests of the scheduled delivery checks and of their incidents."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from schedules.maintenance import check_deliveries_hourly, send_alerts_every_10_minutes
from ticketing.events.model import Event
from ticketing.notifications.deliver import MessagingConnector, deliver_all
from ticketing.notifications.delivery_queries import count_unclaimed_messages
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind, Occurrence
from ticketing.selling.checkout.place_order import PlacedOrder
from ticketing.selling.payments.complete_order import enqueue_message

Tick = Callable[[datetime], list[str | None]]


@pytest.fixture
def tick(event: Event, application: Application, tmp_path: Path) -> Iterator[Tick]:
    """Return a function that evaluates the schedule; returns the requested partitions."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("event", [event.slug])

        def evaluate(at: datetime) -> list[str | None]:
            # left in order: the Dagster it opens would stay the current one
            with dg.build_schedule_context(
                instance, scheduled_execution_time=at, resources={"application": application}
            ) as context:
                answers = list(check_deliveries_hourly(context))
            return [one.partition_key for one in answers if isinstance(one, dg.RunRequest)]

        yield evaluate


def test_events_are_checked_until_all_their_messages_are_sent(
    event: Event, application: Application, tick: Tick, order_positions: Callable[..., PlacedOrder]
) -> None:
    now = datetime.now(UTC)
    before = tick(now)

    with application.database.transaction() as connection:
        enqueue_message(connection, order_positions(1).order, "event.cancelled", "sari@example.org")
    with application.get(MessagingConnector).connect() as mailroom:
        deliver_all(application.database, mailroom, clock=lambda: now)

    assert (before, tick(now), tick(now + timedelta(days=1))) == ([], [event.slug], [])


def test_failures_are_reported_by_schedule_and_once(
    location: dg.Definitions,
    application: Application,
    event: Event,
    idle_instance: dg.DagsterInstance,
) -> None:
    now = datetime.now(UTC)

    def ticked() -> int:
        context = dg.build_schedule_context(
            idle_instance, scheduled_execution_time=now, resources={"application": application}
        )
        return int(isinstance(send_alerts_every_10_minutes(context), dg.RunRequest))

    before = ticked()
    with application.database.transaction() as connection:
        seen = Occurrence(
            "channel:whatsapp", IncidentKind.CHANNEL, "it was stopped", now, event.slug
        )
        incidents.record_occurrence(connection, seen)
    asked = ticked()
    with dg.DagsterInstance.ephemeral() as instance:
        ran = location.resolve_job_def("send_alert_digest").execute_in_process(instance=instance)

    with application.database.transaction() as connection:
        waiting = count_unclaimed_messages(connection)
    assert (before, asked, ran.success, ticked()) == (0, 1, True, 0)
    assert waiting == (0, 1)
