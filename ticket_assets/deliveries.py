"""Delivery jobs; the asset and the checks of an event's deliveries.

Sending and retries are in `ticketing/notifications/deliver.py`.
"""

from dataclasses import asdict
from datetime import UTC, datetime

import dagster as dg

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.check_results import to_check_result
from ticket_assets.documents import ticket_pdfs
from ticket_assets.partitions import EVENT_PARTITIONS, event_asset, partition_event
from ticket_assets.retries import run_attempt
from ticket_assets.run_queue import BUYER_WAITS, OPERATIONAL, area
from ticketing.notifications import delivery_queries
from ticketing.notifications.alert_digest import enqueue_alert_digest
from ticketing.notifications.campaigns.apply_rules import apply_due_rules
from ticketing.notifications.checks import (
    check_failed_deliveries,
    check_overdue_deliveries,
)
from ticketing.notifications.deliver import MessagingConnector, deliver_all
from ticketing.notifications.delivery_receipts import process_bounces
from ticketing.notifications.mail.mailbox import UnreadMails
from ticketing.platform.application import Application
from ticketing.platform.db.tables.notifications import deliveries


@dg.op
def send_due_messages(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Send all due messages."""
    with run_attempt(context), application.get(MessagingConnector).connect() as sender:
        done = deliver_all(application.database, sender, clock=lambda: datetime.now(UTC))
    context.log.info("%s sent, %s to be retried", done.sent, done.error)
    context.add_output_metadata(asdict(done))


@dg.job(tags={**BUYER_WAITS, **area("messages")})
def deliver_messages() -> None:
    """Sends all due messages of the outbox. Safe to run again."""
    send_due_messages()


@dg.op
def apply_due_sending_rules(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Enqueue the messages of the sending rules that are due."""
    with run_attempt(context):
        messages = apply_due_rules(application.database, at=datetime.now(UTC), by=ACTOR)
    context.add_output_metadata({"messages": messages})


@dg.job(tags={**OPERATIONAL, **area("messages")})
def apply_sending_rules() -> None:
    """Applies the sending rules of campaigns that are due, each once. Safe to run again."""
    apply_due_sending_rules()


@dg.op
def enqueue_alerts(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Enqueue one message about all incidents that were not reported yet."""
    with run_attempt(context):
        alerts = enqueue_alert_digest(application.database, at=datetime.now(UTC))
    context.add_output_metadata({"alerts": alerts})


@dg.job(tags={**OPERATIONAL, **area("operations")})
def send_alert_digest() -> None:
    """Sends the organiser a digest of open incidents, each incident once. Safe to run again."""
    enqueue_alerts()


@dg.op
def process_new_bounces(
    context: dg.OpExecutionContext, application: dg.ResourceParam[Application]
) -> None:
    """Record the bounces that arrived in the Maildir MAIL_BOUNCES_FOLDER since the last run."""
    folder = application.settings.mail_bounces_folder
    with run_attempt(context), application.get(MessagingConnector).connect() as sender:
        if folder is None:
            return
        mails, at = UnreadMails(folder), datetime.now(UTC)
        done = process_bounces(
            application.database, mails, sender.channels, at=at, flag=mails.flag_current
        )
    if done.not_understood:
        context.log.warning(
            "%d mails of %s are for a person; they are flagged there",
            len(done.not_understood), folder,
        )  # fmt: skip
    context.add_output_metadata(asdict(done) | {"not_understood": list(done.not_understood)})


@dg.job(tags={**OPERATIONAL, **area("messages")})
def mail_bounces() -> None:
    """Records bounced mails on their deliveries, each once. Safe to run again."""
    process_new_bounces()


@event_asset(
    deps=[ticket_pdfs],
    group_name="messages",
    code=["ticketing.notifications.delivery_queries"],
    kinds={"postgres"},
    metadata=metadata.table_metadata(deliveries),
)
def ticket_deliveries(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Number of an event's messages by delivery state: tickets, notices, refunds. As of the run."""
    with run_attempt(context):
        event = partition_event(context, application)
        with application.database.transaction() as connection:
            counts = delivery_queries.count_by_state(connection, event.id)
    return dg.MaterializeResult(
        metadata={
            **{state.value: number for state, number in counts.items()},
            **metadata.row_count(sum(counts.values())),
        }
    )


@dg.asset_check(asset=ticket_deliveries, partitions_def=EVENT_PARTITIONS)
def no_overdue_deliveries(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No due message has waited longer than 30 minutes."""
    event = partition_event(context, application)
    found = check_overdue_deliveries(application.database, event, at=datetime.now(UTC))
    repair = "ticketing doctor, then ticketing deliveries send"
    return to_check_result(found, "messages", repair)


@dg.asset_check(asset=ticket_deliveries, partitions_def=EVENT_PARTITIONS)
def no_failed_deliveries(
    context: dg.AssetCheckExecutionContext, application: dg.ResourceParam[Application]
) -> dg.AssetCheckResult:
    """No message has failed permanently or has an unknown result."""
    event = partition_event(context, application)
    found = check_failed_deliveries(application.database, event)
    repair = (
        f"ticketing deliveries list --event {event.slug} --failed,"
        " then ticketing deliveries resend ID"
    )
    return to_check_result(found, "messages", repair, severity=dg.AssetCheckSeverity.WARN)


DELIVERY_CHECKS = [no_overdue_deliveries, no_failed_deliveries]

check_deliveries = dg.define_asset_job(
    "check_deliveries",
    tags=area("messages"),
    selection=[ticket_deliveries],
    description="Counts and checks of an event's messages. Sends nothing.",
)
