"""Sheets of events for the organiser, day by day: a job of its own, off until a person wants it."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ticket_assets.attempts import attempt
from ticket_assets.batch import BY
from ticketing.actions.export import mail_daily_exports
from ticketing.application import Application

NEAR = timedelta(days=30)


@dg.op
def leave_exports(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Leave the sheets of DAILY_EXPORTS of each event that is near and had changes in a day."""
    wanted = application.settings.exports_of_a_day
    with attempt(context):
        left = mail_daily_exports(
            application.database, wanted, near=NEAR, at=datetime.now(UTC), by=BY
        )
    context.add_output_metadata({"mails": left})


@dg.job(executor_def=dg.in_process_executor)
def daily_exports() -> None:
    """The organiser gets sheets of what changed, each once a day. Again is safe."""
    leave_exports()
