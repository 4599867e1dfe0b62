"""Runs for vouchers that the worker does not provision, and reports of the worker's results.

A router whose retries are exhausted gets no run until it is reachable again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.worker_activity import SensorCursor, has_active_run, list_unreported_entries
from ticket_assets.external_materializations import voucher_materialization
from ticket_assets.jobs import provision_vouchers
from ticketing.platform.application import Application
from ticketing.platform.db.audit_log import PROVISION_VOUCHERS_ACTION
from ticketing.routers.queries import StoredRouter
from ticketing.vouchers.provisioning.retry_policy import ROUTER_RETRIES
from ticketing.vouchers.provisioning.router_clients import RouterConnector
from ticketing.vouchers.provisioning.watchdog import (
    list_reachable_routers,
    routers_with_overdue_work,
)

WORKER_GRACE = timedelta(seconds=10)
RUNNING = dg.DefaultSensorStatus.RUNNING


@dataclass(frozen=True, slots=True)
class RunDecision:
    """Decision whether to start a run, with the message if not."""

    should_run: bool
    skip_message: str = ""


def decide_run(routers: Sequence[str], *, has_active_run: bool, idle_message: str) -> RunDecision:
    """Request a run for routers with overdue work unless one is active."""
    if not routers:
        return RunDecision(should_run=False, skip_message=idle_message)
    if has_active_run:
        return RunDecision(
            should_run=False, skip_message=f"a run is about to see to {', '.join(routers)}"
        )
    return RunDecision(should_run=True)


@dg.sensor(job=provision_vouchers, minimum_interval_seconds=5, default_status=RUNNING)
def owed_vouchers(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Starts a run for overdue vouchers and reports the worker's provisioning results."""
    told = SensorCursor.parse(context.cursor)
    deeds = list_unreported_entries(application.database, told, [PROVISION_VOUCHERS_ACTION])
    names = [
        router.name
        for router in _overdue_routers(application)
        if not ROUTER_RETRIES.is_exhausted(router.failures)
    ]
    nobody = "nobody waits for a router that can be asked"
    chosen = decide_run(names, has_active_run=_has_active_run(context), idle_message=nobody)
    return dg.SensorResult(
        run_requests=_run_requests(chosen),
        asset_events=[voucher_materialization(deeds)] if deeds else [],
        cursor=told.advanced(deeds).serialized,
        skip_reason=None
        if chosen.should_run
        else f"{chosen.skip_message}; {len(deeds)} deeds of others told",
    )


@dg.sensor(job=provision_vouchers, minimum_interval_seconds=30, default_status=RUNNING)
def returned_routers(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Starts a run when a router with exhausted retries is reachable again."""
    given_up = [
        router
        for router in _overdue_routers(application)
        if ROUTER_RETRIES.is_exhausted(router.failures)
    ]
    with application.get(RouterConnector).connect() as doors:
        back = list_reachable_routers(doors, given_up)
    away = ", ".join(router.name for router in given_up)
    nobody = f"still away: {away}" if away else "nobody waits for a router that was given up on"
    chosen = decide_run(back, has_active_run=_has_active_run(context), idle_message=nobody)
    return dg.SensorResult(
        run_requests=_run_requests(chosen),
        skip_reason=None if chosen.should_run else chosen.skip_message,
    )


def _run_requests(decision: RunDecision) -> list[dg.RunRequest]:
    """Return the run request, with priority because a buyer waits."""
    return [dg.RunRequest(tags={"dagster/priority": "10"})] if decision.should_run else []


def _overdue_routers(application: Application) -> list[StoredRouter]:
    return routers_with_overdue_work(
        application.database, worker_grace=WORKER_GRACE, at=datetime.now(UTC)
    )


def _has_active_run(context: dg.SensorEvaluationContext) -> bool:
    return has_active_run(context.instance, provision_vouchers.name)
