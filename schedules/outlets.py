"""Schedules of outlets and routers, in Jakarta time.

An outlet is a standing event. Each hour the busy ones are checked; every night all of them, so that
a change which left no trace is found within a day.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy import Connection

from schedules.run_requests import JAKARTA, jakarta_schedule, run_each, run_if
from ticket_assets.jobs import check_routers, check_vouchers
from ticket_assets.maintenance import voucher_maintenance
from ticket_assets.partitions import EVENT_PARTITIONS_NAME
from ticket_assets.voucher_checks import OUTLET_CHECKS
from ticketing.notifications.delivery_queries import list_events_with_recent_deliveries
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.routers import queries as router_queries
from ticketing.vouchers import outlet_queries

LOOKBACK = timedelta(hours=2)
HOUR_OF_ALL_OUTLETS = 4  # Jakarta; after the nightly backup
CHECK_NAMES = {key.name for check in OUTLET_CHECKS for key in check.check_keys}


@jakarta_schedule(job=voucher_maintenance, cron_schedule="*/5 * * * *")
def maintain_vouchers_every_5_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every five minutes, if there are routers: maintains vouchers."""
    return _run_if_there_are_routers(context, application, voucher_maintenance.name)


@jakarta_schedule(job=check_routers, cron_schedule="40 * * * *")
def check_routers_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every hour, if there are routers: compares them with the database."""
    return _run_if_there_are_routers(context, application, check_routers.name)


def _run_if_there_are_routers(
    context: dg.ScheduleEvaluationContext, application: Application, job_name: str
) -> dg.RunRequest | dg.SkipReason:
    with application.database.transaction() as connection:
        routers = router_queries.list_all(connection)
    otherwise = "no routers; add one with `ticketing routers create`"
    return run_if(routers, context, job_name, otherwise=otherwise)


@jakarta_schedule(job=check_vouchers, cron_schedule="35 * * * *")
def check_vouchers_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour: checks the vouchers of each outlet that is busy, or failed; at 04:35 of all."""
    at = context.scheduled_execution_time.astimezone(UTC)
    known = set(context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME))
    with application.database.transaction() as connection:
        outlets = _outlets_to_check(connection, at=at)
    slugs = [slug for slug in outlets if slug in known]  # new_events adds missing partitions
    otherwise = "no outlet is busy"
    yield from run_each(slugs, context, check_vouchers.name, otherwise=otherwise)


def _outlets_to_check(connection: Connection, *, at: datetime) -> Collection[str]:
    outlets = outlet_queries.list_slugs(connection)
    if not outlets or at.astimezone(ZoneInfo(JAKARTA)).hour == HOUR_OF_ALL_OUTLETS:
        return outlets
    busy = {
        *outlet_queries.list_busy_slugs(connection, since=at - LOOKBACK),
        *list_events_with_recent_deliveries(connection, since=at - LOOKBACK),
        *_failed_partitions(connection),
    }
    return [slug for slug in outlets if slug in busy]


def _failed_partitions(connection: Connection) -> Iterator[str]:
    """Yield the events with an open incident of a check; it closes when the check passes."""
    for cause in incidents.get_last_seen(connection, "check:"):
        _, check, partition = cause.split(":", 2)
        if check in CHECK_NAMES:
            yield partition
