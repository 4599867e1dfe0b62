"""Runs for payments that the worker does not process, and reports of the worker's results.

Overdue work is queried from the tables on every tick, so neither a cursor nor a run key can skip
it. A run is started immediately without a worker, otherwise after the worker's grace period.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.new_events import events_without_partition
from sensors.worker_activity import SensorCursor, has_active_run, list_unreported_entries
from ticket_assets.external_materializations import payment_materialization, ticket_materializations
from ticket_assets.jobs import serve_paid_orders
from ticket_assets.partitions import EVENT_PARTITIONS, EVENT_PARTITIONS_NAME
from ticketing.platform.application import Application
from ticketing.platform.db import notify
from ticketing.platform.db.audit_log import FULFIL_ORDERS_ACTION, SETTLE_PAYMENTS_ACTION, AuditEntry
from ticketing.selling.payments.fulfil_paid import has_overdue_work

LISTEN_TIMEOUT_SECONDS = 5.0  # a tick that waits for the bell is there sooner than the next tick
WORKER_GRACE = timedelta(seconds=5)
QUIET_SECONDS = 20  # starting a run costs five: the next buyer should find this one still there


def to_materializations(entries: Collection[AuditEntry]) -> Iterator[dg.AssetMaterialization]:
    """Yield materialisations of audit entries: payments, and each event's tickets and PDFs."""
    counts: defaultdict[tuple[str, str | None], Counter[str]] = defaultdict(Counter)
    actors: defaultdict[tuple[str, str | None], set[str]] = defaultdict(set)
    for deed in entries:
        counts[deed.action, deed.event_slug].update(deed.counts)
        actors[deed.action, deed.event_slug].add(deed.actor)
    for (action, slug), sums in counts.items():
        by = actors[action, slug]
        if action == SETTLE_PAYMENTS_ACTION:
            yield payment_materialization(sums, by=by)
        elif slug is not None:
            yield from ticket_materializations(slug, sums, by=by)


@dg.sensor(
    job=serve_paid_orders,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def payment_inbox(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Starts a run for overdue payments and reports the worker's results."""
    told = SensorCursor.parse(context.cursor)
    waiting = _has_overdue_work(application) or (
        _wait_for_notification(application) and _has_overdue_work(application)
    )
    deeds = list_unreported_entries(
        application.database, told, [SETTLE_PAYMENTS_ACTION, FULFIL_ORDERS_ACTION]
    )
    wanted = waiting and not has_active_run(context.instance, serve_paid_orders.name)
    slugs = {deed.event_slug for deed in deeds if deed.event_slug}
    new = events_without_partition(
        slugs, context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME)
    )
    return dg.SensorResult(
        run_requests=[run_request()] if wanted else [],
        asset_events=list(to_materializations(deeds)),
        dynamic_partitions_requests=[EVENT_PARTITIONS.build_add_request(new)] if new else [],
        cursor=told.advanced(deeds).serialized,
        skip_reason=None if wanted else _skip_message(waiting, len(deeds)),
    )


def run_request() -> dg.RunRequest:
    """Return the run request; it has priority and continues until no payment arrives."""
    config = {"quiet_seconds": QUIET_SECONDS}
    return dg.RunRequest(
        run_config={"ops": {"payments": {"config": config}}}, tags={"dagster/priority": "10"}
    )


def _has_overdue_work(application: Application) -> bool:
    return has_overdue_work(application.database, worker_grace=WORKER_GRACE, at=datetime.now(UTC))


def _wait_for_notification(application: Application) -> bool:
    with notify.listen(application.database, as_worker=False) as ours:
        return ours.wait(LISTEN_TIMEOUT_SECONDS)


def _skip_message(has_overdue_work: bool, entry_count: int) -> str:
    state = "a run is about to see to what waits" if has_overdue_work else "nobody waits"
    return f"{state}; {entry_count} deeds of others told"
