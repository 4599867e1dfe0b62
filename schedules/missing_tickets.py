"""Issuing what is missing, by the clock. Off until a person turns it on."""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from ticket_assets.jobs import issue_event_tickets
from ticket_assets.partitions import DIMENSION
from ticketing.actions.missing import missing_count
from ticketing.application import Application
from ticketing.store import events


def worth_a_run(missing: Mapping[str, int], partitions: Collection[str]) -> list[str]:
    """The events with somebody to serve, if Dagster knows them yet."""
    return sorted(slug for slug, people in missing.items() if people and slug in partitions)


@dg.schedule(
    job=issue_event_tickets,
    cron_schedule="0 * * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
def issue_what_is_missing(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour, a run for each event in which somebody lacks a ticket."""
    at = context.scheduled_execution_time
    missing = _missing(application, at.astimezone(UTC))
    slugs = worth_a_run(missing, context.instance.get_dynamic_partitions(DIMENSION))
    for slug in slugs:
        # the key is of the hour, not of the content: the next hour asks again, a repeated tick not
        yield dg.RunRequest(run_key=f"{slug} {at:%Y-%m-%dT%H:%MZ}", partition_key=slug)
    if not slugs:
        yield dg.SkipReason(f"nobody lacks a ticket in {len(missing)} events")


def _missing(application: Application, at: datetime) -> dict[str, int]:
    with application.database.transaction() as connection:
        known = events.everything(connection)
    return {event.slug: missing_count(application.database, event, at=at) for event in known}
