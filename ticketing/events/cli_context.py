"""The application together with the event that `--event` names, for commands of other packages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ticketing.platform.cli.console import open_application

if TYPE_CHECKING:
    from ticketing.events.model import Event
    from ticketing.platform.application import Application


@contextmanager
def open_event(slug_or_id: str) -> Iterator[tuple["Application", "Event"]]:
    """Open the application for one command and find its event."""
    from ticketing.events.queries import get_event

    with open_application() as application:
        yield application, get_event(application.database, slug_or_id)


def find_event_ids(
    application: "Application", slugs_or_ids: Sequence[str] | None
) -> list[int] | None:
    """Return the ids of these events; None if none is named, which is no restriction."""
    from ticketing.events.queries import get_event

    if not slugs_or_ids:
        return None
    return sorted({get_event(application.database, event).id for event in slugs_or_ids})
