"""Webhooks that nobody has called: a job of its own, for the schedule and by hand."""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets.attempts import attempt
from ticket_assets.batch import BY
from ticketing.actions.send_hooks import forget_old_calls, send_all_hooks
from ticketing.application import Application
from ticketing.gateways.hooks import HookClient
from ticketing.signing.keys import KeyRing


@dg.op
def send_due_hooks(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Make every call that is due, and forget those that ended a month ago."""
    with attempt(context):
        told = send_all_hooks(
            application.database,
            application.get(HookClient),
            application.get(KeyRing),
            clock=lambda: datetime.now(UTC),
            by=BY,
        )
        forgotten = forget_old_calls(application.database, at=datetime.now(UTC))
    context.log.info("%s arrived, %s did not", told.delivered, told.failed)
    context.add_output_metadata(asdict(told) | {"forgotten": forgotten})


@dg.job(executor_def=dg.in_process_executor)
def webhooks() -> None:
    """Others are told what was booked. Again is safe."""
    send_due_hooks()
