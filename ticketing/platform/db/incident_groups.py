"""Incidents of one cause in several events, as one line."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ticketing.platform.db import audit_log, incidents
from ticketing.platform.db.incidents import Incident
from ticketing.platform.kernel.errors import UnknownIncident

MAX_NAMED_EVENTS = 3


@dataclass(frozen=True, slots=True)
class IncidentGroup:
    """Incidents with the same cause except for the event, in the order in which they were given."""

    cause: str
    lines: tuple[Incident, ...]

    @property
    def message(self) -> str:
        """Return the first message on one line, after the number and first names of the events."""
        message = " ".join(self.lines[0].message.split())
        slugs = [line.event_slug for line in self.lines if line.event_slug]
        if not slugs:
            return message
        if len(slugs) == 1:
            return f"{slugs[0]}: {message}"
        more = ", …" if len(slugs) > MAX_NAMED_EVENTS else ""
        return f"{len(slugs)} events ({', '.join(slugs[:MAX_NAMED_EVENTS])}{more}): {message}"

    @property
    def occurrences(self) -> int:
        """Return how often the cause occurred, in all events."""
        return sum(line.occurrences for line in self.lines)

    @property
    def last_seen_at(self) -> datetime:
        """Return when the cause was last seen, in any event."""
        return max(line.last_seen_at for line in self.lines)

    @property
    def resolved_at(self) -> datetime | None:
        """Return when the last incident ended; None if one is open."""
        ends = [line.resolved_at for line in self.lines if line.resolved_at]
        return max(ends) if len(ends) == len(self.lines) else None


def shared_cause(incident: Incident) -> str:
    """Return the cause without the event."""
    return incident.cause.removesuffix(f":{incident.event_slug}")


def group_by_cause(lines: Iterable[Incident]) -> list[IncidentGroup]:
    """Group incidents by cause, in the order of the first incident of each."""
    found: defaultdict[tuple[str, bool], list[Incident]] = defaultdict(list)
    for line in lines:
        found[shared_cause(line), line.resolved_at is None].append(line)
    return [IncidentGroup(cause, tuple(same)) for (cause, _), same in found.items()]


def resolve_cause(connection: Connection, cause: str, *, at: datetime, by: str) -> int:
    """Close the open incidents of a cause, in all events; return their number."""
    lines = [line for line in incidents.list_open(connection) if shared_cause(line) == cause]
    if not lines:
        raise UnknownIncident(
            f"no open incident has the cause {cause!r}; `ticketing incidents list` prints them"
        )
    for line in lines:
        incidents.resolve(connection, line.cause, at=at)
    audit_log.record(connection, by, "incidents.resolve", subject=cause, items=len(lines))
    return len(lines)
