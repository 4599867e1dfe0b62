"""Runs for payments that the worker does not process, and reports of the worker's results.

Overdue work is queried from the tables on every tick, so neither a cursor nor a run key can skip
it. A run is started immediately without a worker, otherwise after the worker's grace period.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.running_sensor import running_sensor
from sensors.worker_activity import SensorCursor, list_unreported_entries
from ticket_assets.external_materializations import (
    TICKET_ACTIONS,
    to_materializations,
    with_first,
)
from ticket_assets.jobs import fulfil_paid_orders
from ticket_assets.partitions import add_missing_partitions
from ticket_assets.run_queue import has_recent_run
from ticketing.platform.application import Application
from ticketing.platform.db import notify
from ticketing.selling.payments.fulfil_paid import has_overdue_work

INTERVAL_SECONDS = 10
LISTEN_TIMEOUT_SECONDS = 8.0  # without a worker most of the time between two ticks is listened to
WORKER_GRACE = timedelta(seconds=5)
QUIET_SECONDS = 20  # a new run takes 5 s to start, so an active one waits for the next payment


@running_sensor(
    area="sales",
    job=fulfil_paid_orders,
    minimum_interval_seconds=INTERVAL_SECONDS,
)
def overdue_payments(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SensorResult:
    """Starts a run for overdue payments and reports the worker's results."""
    cursor = SensorCursor.parse(context.cursor)
    is_overdue = _has_overdue_work(application) or (
        _wait_for_notification(application) and _has_overdue_work(application)
    )
    entries = list_unreported_entries(application.database, cursor, TICKET_ACTIONS)
    reported = list(to_materializations(entries))
    should_run = is_overdue and not has_recent_run(context.instance, fulfil_paid_orders.name)
    add_missing_partitions(context.instance, filter(None, (each.event_slug for each in entries)))
    state = "a run is already active" if is_overdue else "no overdue payments"
    return dg.SensorResult(
        run_requests=[run_request()] if should_run else [],
        asset_events=with_first(reported, "payments") if cursor.is_first else reported,
        cursor=cursor.advanced(entries).serialized,
        skip_reason=None
        if should_run
        else f"{state}; reported {len(entries)} materialisations by the worker",
    )


def run_request() -> dg.RunRequest:
    """Return the run request; the run continues until no payment arrives."""
    config = {"quiet_seconds": QUIET_SECONDS}
    return dg.RunRequest(run_config={"ops": {"payments": {"config": config}}})


def _has_overdue_work(application: Application) -> bool:
    return has_overdue_work(application.database, worker_grace=WORKER_GRACE, at=datetime.now(UTC))


def _wait_for_notification(application: Application) -> bool:
    """Wait for work; a running worker is woken itself, so nothing is waited for beside it."""
    if application.database.run(notify.is_worker_running):
        return False
    with notify.listen(application.database, as_worker=False) as listener:
        return listener.wait(LISTEN_TIMEOUT_SECONDS)
