"""Payments that nobody has seen to, and the worker's deeds for everybody to see.

What waits is asked of the rows each time: no cursor could step over it, and no run key swallow it.
A run is asked for at once when no worker listens, else when the worker has had its time.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from sensors.new_events import without_partition
from ticket_assets.batch import BY
from ticket_assets.jobs import serve_paid_orders
from ticket_assets.partitions import DIMENSION, EVENTS
from ticket_assets.told import payments_told, tickets_told
from ticketing.actions.serve_on import somebody_waits
from ticketing.office import Office
from ticketing.store import bell, service_record
from ticketing.store.service_record import SETTLED, Deed

LISTENS_SECONDS = 5.0  # a tick that waits for the bell is there sooner than the next tick
WORKERS_TIME = timedelta(seconds=5)
QUIET_SECONDS = 20  # starting a run costs five: the next buyer should find this one still there
RUNS_TIME = timedelta(minutes=1)  # then another is asked for: the first may have died unnoticed
OVERLAP = 500  # lines of the audit log: committed later than one with a higher number
LINES_AT_ONCE = 5000
UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


@dataclass(frozen=True, slots=True)
class Told:
    """Which deeds were told: all up to a number, but the latest by name."""

    last: int = 0
    latest: frozenset[int] = frozenset()

    @classmethod
    def remembered(cls, cursor: str | None) -> "Told":
        """As the last tick left it."""
        known = json.loads(cursor) if cursor else {}
        return cls(known.get("last", 0), frozenset(known.get("latest", [])))

    @property
    def cursor(self) -> str:
        """For the next tick."""
        return json.dumps({"last": self.last, "latest": sorted(self.latest)})

    @property
    def after(self) -> int:
        """Where to look from."""
        return max(0, self.last - OVERLAP)

    def and_now(self, deeds: Iterable[Deed]) -> "Told":
        """After these were told, too."""
        known = {deed.id for deed in deeds} | self.latest
        last = max(known, default=self.last)
        return Told(last, frozenset(number for number in known if number > last - OVERLAP))


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
    context: dg.SensorEvaluationContext, office: dg.ResourceParam[Office]
) -> dg.SensorResult:
    """Serves who has paid when the worker does not, and shows what the worker did."""
    told = Told.remembered(context.cursor)
    waiting = _somebody_waits(office) or (_bell_rings(office) and _somebody_waits(office))
    deeds = _new_deeds(office, told)
    wanted = waiting and not _is_under_way(context.instance)
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


def _somebody_waits(office: Office) -> bool:
    return somebody_waits(office.database, workers_time=WORKERS_TIME, at=datetime.now(UTC))


def _bell_rings(office: Office) -> bool:
    with bell.listening(office.database, to_serve=False) as ours:
        return ours.rings(LISTENS_SECONDS)


def _new_deeds(office: Office, told: Told) -> list[Deed]:
    with office.database.transaction() as connection:
        lines = service_record.deeds(connection, after=told.after, but=[BY], most=LINES_AT_ONCE)
    return [deed for deed in lines if deed.id not in told.latest]


def _is_under_way(instance: DagsterInstance) -> bool:
    filters = RunsFilter(
        job_name=serve_paid_orders.name,
        statuses=UNDER_WAY,
        created_after=datetime.now(UTC) - RUNS_TIME,
    )
    return bool(instance.get_run_ids(filters, limit=1))


def _why_not(waiting: bool, deeds: int) -> str:
    state = "a run is about to see to what waits" if waiting else "nobody waits"
    return f"{state}; {deeds} deeds of others told"
