"""Tests of the event cache: one query per second, and changes visible after that."""

from dataclasses import replace

import pytest

from ticketing.events.cache import TTL_SECONDS, EventCache
from ticketing.events.model import Event
from ticketing.platform.kernel.errors import UnknownEvent


class Clock:
    """Clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stored(event: Event) -> dict[str, Event]:
    """Return the event that the database would return."""
    return {event.slug: event}


@pytest.fixture
def recent(stored: dict[str, Event], clock: Clock) -> EventCache:
    def find(slug: str) -> Event:
        if slug not in stored:
            raise UnknownEvent(slug)
        return stored[slug]

    return EventCache(find, clock)


def test_a_change_is_seen_a_second_later(
    recent: EventCache, stored: dict[str, Event], clock: Clock, event: Event
) -> None:
    recent.get(event.slug)
    stored[event.slug] = replace(event, venue="Stadion")

    at_once = recent.get(event.slug)
    clock.now += TTL_SECONDS
    later = recent.get(event.slug)

    assert (at_once.venue, later.venue) == (event.venue, "Stadion")


def test_an_event_made_a_moment_ago_is_found(
    recent: EventCache, stored: dict[str, Event], event: Event
) -> None:
    with pytest.raises(UnknownEvent):
        recent.get("baru")
    stored["baru"] = event

    assert recent.get("baru") == event
