"""Events as they were at most a second ago: a sale that opens asks hundreds of times for one."""

import time
from collections.abc import Callable

from ticketing.events.model import Event

TTL_SECONDS = 1.0


class EventCache:
    """Keeps what was found; who is not found is asked for again. As many entries as names."""

    def __init__(
        self, find: Callable[[str], Event], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Know none; `find` raises for one there is not."""
        self._find = find
        self._clock = clock
        self._entries: dict[str, tuple[float, Event]] = {}

    def get(self, slug_or_id: str) -> Event:
        """The event; raises what `find` raises."""
        at = self._clock()
        known = self._entries.get(slug_or_id)
        if known is not None and at - known[0] < TTL_SECONDS:
            return known[1]
        event = self._find(slug_or_id)
        self._entries[slug_or_id] = (at, event)
        return event
