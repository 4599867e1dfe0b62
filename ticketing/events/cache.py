"""A cache of events for one second, because a starting sale reads one hundreds of times."""

import time
from collections.abc import Callable

from ticketing.events.model import Event

TTL_SECONDS = 1.0


class EventCache:
    """Caches events by slug or id; a failed lookup is not cached."""

    def __init__(
        self, find: Callable[[str], Event], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`find` loads an event, and raises when there is none."""
        self._find = find
        self._clock = clock
        self._entries: dict[str, tuple[float, Event]] = {}

    def get(self, slug_or_id: str) -> Event:
        """Return the event; raises the errors of `find`."""
        at = self._clock()
        known = self._entries.get(slug_or_id)
        if known is not None and at - known[0] < TTL_SECONDS:
            return known[1]
        event = self._find(slug_or_id)
        self._entries[slug_or_id] = (at, event)
        return event
