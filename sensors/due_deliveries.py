"""Messages that are due and that nobody sends."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from sensors.deeds import is_under_way
from ticket_assets.deliveries import deliver_messages
from ticketing.actions.deliver import MessagingConnector, deliveries_overdue
from ticketing.application import Application
from ticketing.store import bell

WORKERS_TIME = timedelta(minutes=1)


@dg.sensor(
    job_name=deliver_messages.name,  # by its name: Dagster warns when it makes a job of ops its own
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def due_deliveries(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """A run for messages that are due: at once without a worker, else when it has had its time."""
    if not _somebody_waits(application):
        return dg.SkipReason("no message is overdue")
    if is_under_way(context.instance, deliver_messages.name):
        return dg.SkipReason("a run is about to send what is overdue")
    return dg.RunRequest()


def _somebody_waits(application: Application) -> bool:
    with application.database.transaction() as connection:
        patience = WORKERS_TIME if bell.somebody_listens(connection) else timedelta(0)
    with application.get(MessagingConnector).connect() as mailroom:
        at = datetime.now(UTC)
        return deliveries_overdue(application.database, mailroom, at=at, by=patience)
