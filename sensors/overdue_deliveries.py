"""Runs for overdue messages that the worker does not send."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.running_sensor import running_sensor
from ticket_assets.deliveries import deliver_messages
from ticket_assets.run_queue import has_recent_run
from ticketing.notifications.deliver import MessagingConnector, has_overdue_deliveries
from ticketing.platform.application import Application
from ticketing.platform.db import notify

WORKER_GRACE = timedelta(minutes=1)


@running_sensor(
    area="messages",
    job_name=deliver_messages.name,  # by name: Dagster warns if the job object is given
    minimum_interval_seconds=20,
)
def overdue_deliveries(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Starts a run for overdue messages, without a worker immediately, otherwise after a minute."""
    if not _has_overdue_deliveries(application):
        return dg.SkipReason("no message is overdue")
    if has_recent_run(context.instance, deliver_messages.name):
        return dg.SkipReason("a run is already active")
    return dg.RunRequest()


def _has_overdue_deliveries(application: Application) -> bool:
    with application.database.transaction() as connection:
        grace = WORKER_GRACE if notify.is_worker_running(connection) else timedelta(0)
    with application.get(MessagingConnector).connect() as sender:
        at = datetime.now(UTC)
        return has_overdue_deliveries(application.database, sender, at=at, overdue_by=grace)
