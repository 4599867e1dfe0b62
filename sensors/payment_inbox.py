"""Payments that nobody has seen to, and the worker's deeds for everybody to see.

What waits is asked of the rows each time: no cursor could step over it, and no run key swallow it.
A run is asked for at once when no worker listens, else when the worker has had its time.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.deeds import Told, is_under_way, new_deeds
from sensors.new_events import without_partition
from ticket_assets.jobs import serve_paid_orders
from ticket_assets.partitions import DIMENSION, EVENTS
from ticket_assets.told import payments_told, tickets_told
from ticketing.actions.serve_on import somebody_waits
from ticketing.application import Application
from ticketing.store import bell
from ticketing.store.service_record import SERVED, SETTLED, Deed

LISTENS_SECONDS = 5.0  # a tick that waits for the bell is there sooner than the next tick
WORKERS_TIME = timedelta(seconds=5)
QUIET_SECONDS = 20  # starting a run costs five: the next buyer should find this one still there


def materializations(deeds: Collection[Deed]) -> Iterator[dg.AssetMaterialization]:
    """Deeds as the assets they have made: one for payments, one an event for tickets and PDFs."""
    counts: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    actors: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for deed in deeds:
        counts[deed.action, deed.event_slug].update(deed.counts)
        actors[deed.action, deed.event_slug].add(deed.actor)
    for (action, slug), sums in counts.items():
        by = actors[action, slug]
        if action == SETTLED:
            yield payments_told(sums, by=by)
        elif slug is not None:
            yield from tickets_told(slug, sums, by=by)


@dg.sensor(
    job=serve_paid_orders,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def payment_inbox(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Serves who has paid when the worker does not, and shows what the worker did."""
    told = Told.remembered(context.cursor)
    waiting = _somebody_waits(application) or (
        _bell_rings(application) and _somebody_waits(application)
    )
    deeds = new_deeds(application.database, told, [SETTLED, SERVED])
    wanted = waiting and not is_under_way(context.instance, serve_paid_orders.name)
    slugs = {deed.event_slug for deed in deeds if deed.event_slug}
    new = without_partition(slugs, context.instance.get_dynamic_partitions(DIMENSION))
    return dg.SensorResult(
        run_requests=[request()] if wanted else [],
        asset_events=list(materializations(deeds)),
        dynamic_partitions_requests=[EVENTS.build_add_request(new)] if new else [],
        cursor=told.and_now(deeds).cursor,
        skip_reason=None if wanted else _why_not(waiting, len(deeds)),
    )


def request() -> dg.RunRequest:
    """A run that stays until it is quiet; ahead of others in the queue."""
    config = {"quiet_seconds": QUIET_SECONDS}
    return dg.RunRequest(
        run_config={"ops": {"payments": {"config": config}}}, tags={"dagster/priority": "10"}
    )


def _somebody_waits(application: Application) -> bool:
    return somebody_waits(application.database, workers_time=WORKERS_TIME, at=datetime.now(UTC))


def _bell_rings(application: Application) -> bool:
    with bell.listening(application.database, to_serve=False) as ours:
        return ours.rings(LISTENS_SECONDS)


def _why_not(waiting: bool, deeds: int) -> str:
    state = "a run is about to see to what waits" if waiting else "nobody waits"
    return f"{state}; {deeds} deeds of others told"
