"""Vouchers that nobody puts on their routers, and the worker's deeds for everybody to see.

A router that was given up on gets no run until it answers: it is looked at from here, and a run
follows as soon as it is back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.deeds import Told, is_under_way, new_deeds
from ticket_assets.jobs import provision_vouchers
from ticket_assets.told import vouchers_told
from ticketing.actions.router_doors import RouterConnector
from ticketing.actions.watch_routers import answering, neglected
from ticketing.application import Application
from ticketing.domain.provisioning import is_given_up
from ticketing.store.routers import StoredRouter
from ticketing.store.service_record import PROVISIONED

WORKERS_TIME = timedelta(seconds=10)
RUNNING = dg.DefaultSensorStatus.RUNNING


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a run is asked for, and what is said when none is."""

    wanted: bool
    said: str = ""


def choice(routers: Sequence[str], *, under_way: bool, else_said: str) -> Choice:
    """A run for what waits for these routers, unless one is about to see to it."""
    if not routers:
        return Choice(wanted=False, said=else_said)
    if under_way:
        return Choice(wanted=False, said=f"a run is about to see to {', '.join(routers)}")
    return Choice(wanted=True)


@dg.sensor(job=provision_vouchers, minimum_interval_seconds=5, default_status=RUNNING)
def owed_vouchers(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Provisions what the worker does not, and shows what the worker did."""
    told = Told.remembered(context.cursor)
    deeds = new_deeds(application.database, told, [PROVISIONED])
    names = [router.name for router in _neglected(application) if not is_given_up(router.failures)]
    nobody = "nobody waits for a router that can be asked"
    chosen = choice(names, under_way=_is_under_way(context), else_said=nobody)
    return dg.SensorResult(
        run_requests=_requests(chosen),
        asset_events=[vouchers_told(deeds)] if deeds else [],
        cursor=told.and_now(deeds).cursor,
        skip_reason=None if chosen.wanted else f"{chosen.said}; {len(deeds)} deeds of others told",
    )


@dg.sensor(job=provision_vouchers, minimum_interval_seconds=30, default_status=RUNNING)
def returned_routers(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Goes on with what waits for a router that was given up on, once it answers again."""
    given_up = [router for router in _neglected(application) if is_given_up(router.failures)]
    with application.get(RouterConnector).connect() as doors:
        back = answering(doors, given_up)
    away = ", ".join(router.name for router in given_up)
    nobody = f"still away: {away}" if away else "nobody waits for a router that was given up on"
    chosen = choice(back, under_way=_is_under_way(context), else_said=nobody)
    return dg.SensorResult(
        run_requests=_requests(chosen), skip_reason=None if chosen.wanted else chosen.said
    )


def _requests(chosen: Choice) -> list[dg.RunRequest]:
    """Ahead of others in the queue: a buyer waits."""
    return [dg.RunRequest(tags={"dagster/priority": "10"})] if chosen.wanted else []


def _neglected(application: Application) -> list[StoredRouter]:
    return neglected(application.database, workers_time=WORKERS_TIME, at=datetime.now(UTC))


def _is_under_way(context: dg.SensorEvaluationContext) -> bool:
    return is_under_way(context.instance, provision_vouchers.name)
