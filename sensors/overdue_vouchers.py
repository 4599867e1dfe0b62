"""Runs for vouchers that the worker does not provision, and reports of the worker's results.

A router whose retries are exhausted gets no run until it is reachable again.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.running_sensor import running_sensor
from sensors.worker_activity import SensorCursor, list_unreported_entries
from ticket_assets.external_materializations import (
    VOUCHER_ACTIONS,
    to_materializations,
    with_first,
)
from ticket_assets.partitions import add_missing_partitions
from ticket_assets.run_queue import has_recent_run
from ticket_assets.vouchers import provision_vouchers
from ticketing.platform.application import Application
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers import outlet_queries
from ticketing.vouchers.provisioning.provision import (
    list_reachable_routers,
    routers_with_overdue_work,
)
from ticketing.vouchers.provisioning.retry_policy import ROUTER_RETRIES
from ticketing.vouchers.provisioning.router_clients import RouterConnector

WORKER_GRACE = timedelta(seconds=10)
JOB_NAME = provision_vouchers.name  # by name: Dagster warns if the job object is given


def reason_to_skip(
    routers: Sequence[str], *, has_active_run: bool, idle_message: str
) -> str | None:
    """Return why no run is started for routers with overdue work; None to start one."""
    if not routers:
        return idle_message
    return f"a run is already active for {', '.join(routers)}" if has_active_run else None


@running_sensor(area="hotspot", job_name=JOB_NAME, minimum_interval_seconds=15)
def overdue_vouchers(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Starts a run for overdue vouchers; reports what worker and runs did, for each outlet."""
    cursor = SensorCursor.parse(context.cursor)
    entries = list_unreported_entries(application.database, cursor, VOUCHER_ACTIONS)
    reported = list(to_materializations(entries))
    if cursor.is_first:
        outlets = application.database.run(outlet_queries.list_slugs)
        reported = with_first(reported, "vouchers", partitions=outlets)
    add_missing_partitions(
        context.instance, [each.partition for each in reported if each.partition]
    )
    names = [
        router.name
        for router in _overdue_routers(application)
        if not ROUTER_RETRIES.is_exhausted(router.failure_count)
    ]
    idle = "no overdue vouchers on reachable routers"
    requests, skip = _decide(context, names, idle)
    return dg.SensorResult(
        run_requests=requests,
        asset_events=reported,
        cursor=cursor.advanced(entries).serialized,
        skip_reason=skip and f"{skip}; reported {len(reported)} materialisations of outlets",
    )


@running_sensor(area="hotspot", job_name=JOB_NAME, minimum_interval_seconds=30)
def recovered_routers(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Starts a run when a router with exhausted retries is reachable again."""
    exhausted = [
        router
        for router in _overdue_routers(application)
        if ROUTER_RETRIES.is_exhausted(router.failure_count)
    ]
    with application.get(RouterConnector).connect() as clients:
        reachable = list_reachable_routers(clients, exhausted)
    names = ", ".join(router.name for router in exhausted)
    idle = f"still unreachable: {names}" if names else "no router has exhausted its retries"
    requests, skip = _decide(context, reachable, idle)
    return dg.SensorResult(run_requests=requests, skip_reason=skip)


def _decide(
    context: dg.SensorEvaluationContext, routers: Sequence[str], idle_message: str
) -> tuple[list[dg.RunRequest], str | None]:
    """Return a run request, or why there is none."""
    is_active = has_recent_run(context.instance, JOB_NAME)
    skip = reason_to_skip(routers, has_active_run=is_active, idle_message=idle_message)
    return [] if skip else [dg.RunRequest()], skip


def _overdue_routers(application: Application) -> list[StoredRouter]:
    return routers_with_overdue_work(
        application.database, worker_grace=WORKER_GRACE, at=datetime.now(UTC)
    )
