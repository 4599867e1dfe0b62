"""The job that sends overdue webhooks, for the schedule and manual runs."""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets.batch import ACTOR
from ticket_assets.retries import run_attempt
from ticketing.crypto.keyring import KeyRing
from ticketing.platform.application import Application
from ticketing.webhooks import call_queries
from ticketing.webhooks.client import WebhookClient
from ticketing.webhooks.send import send_all_due_calls


@dg.op
def send_due_webhook_calls(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Send all due webhook calls and delete calls that ended a month ago."""
    with run_attempt(context):
        sent = send_all_due_calls(
            application.database,
            application.get(WebhookClient),
            application.get(KeyRing),
            clock=lambda: datetime.now(UTC),
            by=ACTOR,
        )
        with application.database.transaction() as connection:
            deleted = call_queries.delete_old(connection, at=datetime.now(UTC))
    context.log.info("%s delivered, %s failed", sent.delivered, sent.failed)
    context.add_output_metadata(asdict(sent) | {"deleted": deleted})


@dg.job
def webhooks() -> None:
    """Sends all due webhook calls. Safe to run again."""
    send_due_webhook_calls()
