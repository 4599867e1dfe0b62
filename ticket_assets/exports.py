"""Daily export mails to the organiser; the schedule is off by default."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticketing.platform.application import Application
from ticketing.reporting.export import queue_daily_export_mails

EXPORT_HORIZON = timedelta(days=30)


@dg.op
def enqueue_exports(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Enqueue the exports of DAILY_EXPORTS for every upcoming event that changed within a day."""
    kinds = application.settings.daily_export_kinds
    with run_attempt(context):
        mails = queue_daily_export_mails(
            application.database, kinds, window=EXPORT_HORIZON, at=datetime.now(UTC), by=ACTOR
        )
    context.add_output_metadata({"mails": mails})


@dg.job
def daily_exports() -> None:
    """Mails exports of changed events to the organiser, each once a day. Safe to run again."""
    enqueue_exports()
