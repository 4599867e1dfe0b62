"""Tests of finding events by slug or id; errors for unknown events list the known ones."""

import pytest

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.db.database import Database
from ticketing.platform.kernel.errors import UnknownEvent


def test_an_event_is_found_by_its_slug_and_by_its_number(database: Database, event: Event) -> None:
    with database.transaction() as connection:
        assert event_queries.get(connection, "wisuda-2026") == event
        assert event_queries.get(connection, str(event.id)) == event


@pytest.mark.parametrize("unknown", ["nothing", "", "99999999999999999999999", "1 OR 1=1"])
def test_an_unknown_event_is_refused_naming_the_known_ones(
    database: Database, event: Event, unknown: str
) -> None:
    with (
        database.transaction() as connection,
        pytest.raises(UnknownEvent, match=rf"known: {event.slug}") as refusal,
    ):
        event_queries.get(connection, unknown)

    assert (refusal.value.code, refusal.value.details) == ("unknown_event", {"event": unknown})
