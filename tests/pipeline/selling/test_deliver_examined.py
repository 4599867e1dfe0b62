"""Every hour Dagster looks at the messages of events that have any."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from schedules.deliveries import deliveries_examined_hourly
from ticketing.actions.complete_order import tell
from ticketing.actions.deliver import deliver_all
from ticketing.actions.place_order import PlacedOrder
from ticketing.domain.events import Event
from ticketing.office import Office

Tick = Callable[[datetime], list[str | None]]


@pytest.fixture
def tick(event: Event, office: Office, tmp_path: Path) -> Iterator[Tick]:
    """The partitions that the schedule asks a run for."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("event", [event.slug])

        def evaluate(at: datetime) -> list[str | None]:
            # left in order: the Dagster it opens would stay the current one
            with dg.build_schedule_context(
                instance, scheduled_execution_time=at, resources={"office": office}
            ) as context:
                answers = list(deliveries_examined_hourly(context))
            return [one.partition_key for one in answers if isinstance(one, dg.RunRequest)]

        yield evaluate


def test_events_with_messages_are_looked_at_until_all_are_told(
    event: Event, office: Office, tick: Tick, order_places: Callable[..., PlacedOrder]
) -> None:
    now = datetime.now(UTC)
    before = tick(now)

    with office.database.transaction() as connection:
        tell(connection, order_places(1).order, "event.cancelled", "sari@example.org")
    with office.mailroom() as mailroom:
        deliver_all(office.database, mailroom, clock=lambda: now)

    assert (before, tick(now), tick(now + timedelta(days=1))) == ([], [event.slug], [])
