"""Decorators of assets, and partitions: one per event with its slug as key, one per day of sales.

Never one per ticket or guest, because the UI becomes slow at thousands of partitions. Slugs contain
no commas, brackets, pipes or dots, which are invalid in partition keys. Backfills make one run per
event: docs/decisions/0004-backfill-policy.md.
"""

import functools

import dagster as dg

from ticketing.events import queries as event_queries
from ticketing.events.model import Event
from ticketing.platform.application import Application

OWNERS = ["team:box-office"]
EVENT_PARTITIONS_NAME = "event"  # the name under which Dagster keeps the keys
# today's partition is there from its first minute on
DAY_PARTITIONS = dg.DailyPartitionsDefinition("2026-01-01", timezone="Asia/Jakarta", end_offset=1)
EVENT_PARTITIONS = dg.DynamicPartitionsDefinition(name=EVENT_PARTITIONS_NAME)

asset = functools.partial(dg.asset, owners=OWNERS, code_version="1")
event_asset = functools.partial(asset, partitions_def=EVENT_PARTITIONS)


def partition_event(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, application: Application
) -> Event:
    """Return the current event of the run's partition."""
    with application.database.transaction() as connection:
        return event_queries.get(connection, context.partition_key)
