"""Server-sent events of a sync: one poll of the database for all viewers of a language."""

import json
from functools import partial

from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.progress import progress
from ticketing.billing.sync.progress_json import progress_to_json
from ticketing.platform.db.database import Database
from ticketing.platform.http.services import now
from ticketing.platform.http.sse import EventStream
from ticketing.platform.kernel.languages import LANGUAGES

EVENT = "progress"
POLL_SECONDS = 0.4  # at least two updates a second


class SyncStreams:
    """A stream for each language of the log; none without a source."""

    def __init__(self, database: Database, connector: BillingConnector | None) -> None:
        self._streams = dict[str, EventStream]()
        if connector is None:
            return
        for language in LANGUAGES:
            poll = partial(_poll, database, connector.name, language)
            self._streams[language] = EventStream(EVENT, poll, seconds=POLL_SECONDS)

    def find(self, language: str) -> EventStream | None:
        """Return the stream of a language."""
        return self._streams.get(language)

    def close(self) -> None:
        """End all streams, because the service stops."""
        for stream in self._streams.values():
            stream.close()


def _poll(database: Database, source: str, language: str) -> tuple[object, str]:
    shown = progress_to_json(progress(database, source, at=now()), language)
    text = json.dumps(shown, separators=(",", ":"))
    return text, text
