"""Decorators of assets, and partitions: one per event with its slug as key, one per day of sales.

Never one per ticket or guest, because the UI becomes slow at thousands of partitions. Slugs contain
no commas, brackets, pipes or dots, which are invalid in partition keys. Backfills make one run per
event: docs/decisions/0004-backfill-policy.md.
"""

import functools
import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import dagster as dg
from dagster import DagsterInstance

from ticket_assets import metadata
from ticket_assets.code_versions import source_version
from ticket_assets.run_queue import area
from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.vouchers import outlet_queries

# Without partitions a check has one result for all events, and the latest event hides the others.
# Partitioned checks are a preview feature of dagster 1.13; a test fails if they stop working.
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def.*")

OWNERS = ["team:box-office"]
EVENT_PARTITIONS_NAME = "event"  # the name under which Dagster keeps the keys
# today's partition is there from its first minute on
DAY_PARTITIONS = dg.DailyPartitionsDefinition("2026-01-01", timezone="Asia/Jakarta", end_offset=1)
EVENT_PARTITIONS = dg.DynamicPartitionsDefinition(name=EVENT_PARTITIONS_NAME)


def asset(
    *,
    group_name: str,
    code: Sequence[str],
    **options: Any,  # noqa: ANN401 - those of dg.asset
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return a decorator like `dg.asset` with owners, the area's tag and a code version.

    `code` names the packages of the application that compute the asset; its own module counts too.
    """

    def decorate(function: Callable[..., Any]) -> dg.AssetsDefinition:
        made: dg.AssetsDefinition = dg.asset(
            owners=OWNERS,
            group_name=group_name,
            tags=area(group_name),
            code_version=source_version(function.__module__, *code),
            **options,
        )(function)
        return made

    return decorate


event_asset = functools.partial(asset, partitions_def=EVENT_PARTITIONS)


def events_without_partition(slugs: Iterable[str], partitions: Collection[str]) -> list[str]:
    """Return the events without a partition, sorted by slug."""
    return sorted(set(slugs) - set(partitions))


def add_missing_partitions(instance: DagsterInstance, slugs: Iterable[str]) -> list[str]:
    """Add the partitions that these events do not have yet, in one statement; return them.

    A sensor's `dynamic_partitions_requests` are examined key by key, each in a session of its own:
    78 s for 2,000 events, instead of 0.2 s.
    """
    new = events_without_partition(slugs, instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME))
    if new:
        instance.add_dynamic_partitions(EVENT_PARTITIONS_NAME, new)
    return new


NO_TICKETS: metadata.Metadata = {
    **metadata.row_count(0), "tickets": "none: the event sells vouchers only"
}  # fmt: skip


def has_no_tickets(application: Application, event: Event) -> bool:
    """Return whether the event is an outlet of vouchers alone; its ticket assets end at once."""
    return application.database.run(outlet_queries.has_no_tickets, event.id)


def partition_event(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, application: Application
) -> Event:
    """Return the current event of the run's partition."""
    with application.database.transaction() as connection:
        return event_queries.get(connection, context.partition_key)
