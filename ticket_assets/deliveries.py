"""Messages to buyers and organisers: a job that sends what nobody has, an event's record, checks.

How a message is sent, and when again, is in `ticketing/actions/deliver.py`.
"""

import warnings
from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets.attempts import attempt
from ticket_assets.documents import ticket_pdfs
from ticket_assets.owners import OWNERS
from ticket_assets.partitions import EVENTS, event_of
from ticket_assets.verdicts import verdict
from ticketing.actions.deliver import MessagingConnector, deliver_all
from ticketing.actions.examine_deliveries import (
    counted_deliveries,
    stuck_deliveries,
    undelivered,
)
from ticketing.actions.hear_bounces import hear_bounces
from ticketing.actions.tell_alerts import tell_alerts
from ticketing.application import Application
from ticketing.gateways.mail_files import new_mails

# an event's own verdicts: why they are wanted although a preview stands in checks.py
warnings.filterwarnings("ignore", category=dg.PreviewWarning, message=".*partitions_def.*")


@dg.op
def send_due_messages(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Send every message that is due."""
    with attempt(context), application.get(MessagingConnector).connect() as mailroom:
        done = deliver_all(application.database, mailroom, clock=lambda: datetime.now(UTC))
    context.log.info("%s sent, %s to be tried again", done.sent, done.error)
    context.add_output_metadata(asdict(done))


@dg.job(executor_def=dg.in_process_executor)
def deliver_messages() -> None:
    """What the outbox holds is sent. Again is safe."""
    send_due_messages()


@dg.op
def leave_alerts(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Leave one message about all that went wrong and was never told of."""
    with attempt(context):
        told = tell_alerts(application.database, at=datetime.now(UTC))
    context.add_output_metadata({"alerts": told})


@dg.job(executor_def=dg.in_process_executor)
def tell_of_alerts() -> None:
    """The organiser hears what is open in the table of incidents, each line once."""
    leave_alerts()


@dg.op
def read_new_bounces(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Note what came back to the Maildir of MAIL_BOUNCES_FOLDER since it was last read."""
    folder = application.settings.mail_bounces_folder
    with attempt(context), application.get(MessagingConnector).connect() as mailroom:
        mails = new_mails(folder) if folder else ()
        at = datetime.now(UTC)
        done = hear_bounces(application.database, mails, mailroom.channels, at=at)
    context.add_output_metadata(asdict(done))


@dg.job(executor_def=dg.in_process_executor)
def mail_bounces() -> None:
    """Mails that came back are noted at the messages, once each. Again is safe."""
    read_new_bounces()


@dg.asset(
    partitions_def=EVENTS,
    deps=[ticket_pdfs],
    group_name="messages",
    kinds={"postgres"},
    owners=OWNERS,
    code_version="1",
)
def ticket_deliveries(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """An event's messages and how far each has come: tickets, notices, refunds. As of its run."""
    with attempt(context):
        counts = counted_deliveries(application.database, event_of(context, application))
    return dg.MaterializeResult(metadata={state.value: number for state, number in counts.items()})


@dg.asset_check(asset=ticket_deliveries, partitions_def=EVENTS)
def no_message_is_stuck(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """Nothing that was to be sent has waited half an hour for somebody to send it."""
    event = event_of(context, application)
    found = stuck_deliveries(application.database, event, at=datetime.now(UTC))
    return verdict(found, "messages", "see why: ticketing doctor, then ticketing deliver")


@dg.asset_check(asset=ticket_deliveries, partitions_def=EVENTS)
def every_message_went_out(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No message is left to a person: refused for good, or perhaps sent and not heard of."""
    event = event_of(context, application)
    found = undelivered(application.database, event)
    repair = f"ticketing deliveries {event.slug} --failed, then ticketing resend"
    return verdict(found, "messages", repair, severity=dg.AssetCheckSeverity.WARN)


DELIVERY_CHECKS = [no_message_is_stuck, every_message_went_out]

examine_deliveries = dg.define_asset_job(
    "examine_deliveries",
    selection=[ticket_deliveries],
    executor_def=dg.in_process_executor,
    description="An event's messages as they stand, and their checks. Sends nothing.",
)
