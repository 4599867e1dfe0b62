"""Schedule that issues missing tickets; off by default."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from schedules.run_requests import STOPPED, jakarta_schedule, run_each
from ticket_assets.jobs import issue_event_tickets
from ticket_assets.partitions import EVENT_PARTITIONS_NAME
from ticketing.events import queries as event_queries
from ticketing.platform.application import Application
from ticketing.tickets.missing import count_missing_tickets


def runnable_events(missing: Mapping[str, int], partitions: Collection[str]) -> list[str]:
    """Return the events with missing tickets that have a partition."""
    return sorted(slug for slug, people in missing.items() if people and slug in partitions)


@jakarta_schedule(
    job=issue_event_tickets,
    cron_schedule="0 * * * *",
    default_status=STOPPED,
)
def issue_missing_tickets_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour: issues the missing tickets of each event."""
    missing = _missing_counts(application, context.scheduled_execution_time.astimezone(UTC))
    slugs = runnable_events(missing, context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME))
    otherwise = f"no ticket is missing in {len(missing)} events"
    yield from run_each(slugs, context, issue_event_tickets.name, otherwise=otherwise)


def _missing_counts(application: Application, at: datetime) -> dict[str, int]:
    with application.database.transaction() as connection:
        known = event_queries.list_events(connection)
    return {
        event.slug: count_missing_tickets(application.database, event, at=at) for event in known
    }
