"""Schedules of maintenance and checks, in Jakarta time."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from schedules.run_requests import (
    JAKARTA,
    STOPPED,
    jakarta_schedule,
    run_each,
    run_if,
    unconditional_schedule,
)
from ticket_assets.backup import backup
from ticket_assets.deliveries import (
    apply_sending_rules,
    check_deliveries,
    mail_bounces,
    send_alert_digest,
)
from ticket_assets.jobs import (
    apply_retention,
    check_sales,
    daily_reconciliation,
)
from ticket_assets.maintenance import (
    daily_exports,
    document_retention,
    order_expiry,
    payment_reconciliation,
    webhooks,
)
from ticket_assets.partitions import EVENT_PARTITIONS_NAME
from ticket_assets.run_history import run_history
from ticketing.notifications.campaigns.apply_rules import list_due_rules
from ticketing.notifications.delivery_queries import list_events_with_recent_deliveries
from ticketing.notifications.mail.mailbox import has_unread_mail
from ticketing.people_data import retention_queries
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.webhooks import call_queries

expire_orders_every_10_minutes = unconditional_schedule(
    "expire_orders_every_10_minutes",
    order_expiry,
    "*/10 * * * *",
    "Every ten minutes: expires unpaid orders and releases their places.",
)

reconcile_payments_hourly = unconditional_schedule(
    "reconcile_payments_hourly",
    payment_reconciliation,
    "5 * * * *",
    "Every hour: reconciles open payments with the gateway and sends refunds.",
)

check_sales_hourly = unconditional_schedule(
    "check_sales_hourly",
    check_sales,
    "25 * * * *",
    "Every hour, after the reconciliation: checks sales.",
)


@jakarta_schedule(
    job=daily_reconciliation,
    cron_schedule="15 1 * * *",  # after the last notifications of the previous day
)
def daily_reconciliation_nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """At 01:15 Jakarta time: yesterday's sales and their reconciliation with the gateway."""
    tonight = context.scheduled_execution_time.astimezone(ZoneInfo(JAKARTA))
    return dg.RunRequest(partition_key=f"{tonight - timedelta(days=1):%Y-%m-%d}")


LOOKBACK = timedelta(hours=2)


@jakarta_schedule(job=send_alert_digest, cron_schedule="*/10 * * * *")
def send_alerts_every_10_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every ten minutes: sends a digest if there are unreported incidents."""
    with application.database.transaction() as connection:
        has_unreported = incidents.has_unreported(connection)
    return run_if(
        has_unreported, context, send_alert_digest.name, otherwise="no unreported incidents"
    )


@jakarta_schedule(job=apply_sending_rules, cron_schedule="*/10 * * * *")
def apply_sending_rules_every_10_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every ten minutes: applies sending rules that are due and that no worker has applied."""
    at = context.scheduled_execution_time.astimezone(UTC)
    due = application.database.run(list_due_rules, at=at)
    return run_if(due, context, apply_sending_rules.name, otherwise="no sending rule is due")


@jakarta_schedule(job=mail_bounces, cron_schedule="*/10 * * * *")
def process_bounces_every_10_minutes(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every ten minutes: processes new bounces in the Maildir MAIL_BOUNCES_FOLDER."""
    folder = application.settings.mail_bounces_folder
    if folder is None:
        return dg.SkipReason("MAIL_BOUNCES_FOLDER is not set")
    return run_if(has_unread_mail(folder), context, mail_bounces.name, otherwise="no new bounces")


@jakarta_schedule(job=check_deliveries, cron_schedule="20 * * * *")
def check_deliveries_hourly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Every hour: checks the deliveries of each event with recent or queued messages."""
    at = context.scheduled_execution_time.astimezone(UTC)
    known = set(context.instance.get_dynamic_partitions(EVENT_PARTITIONS_NAME))
    with application.database.transaction() as connection:
        recent = list_events_with_recent_deliveries(connection, since=at - LOOKBACK)
    slugs = [slug for slug in recent if slug in known]  # new_events adds missing partitions
    otherwise = "no event has recent messages"
    yield from run_each(slugs, context, check_deliveries.name, otherwise=otherwise)


WORKER_GRACE = timedelta(seconds=30)


@jakarta_schedule(job=webhooks, cron_schedule="* * * * *")
def send_webhooks_every_minute(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """Every minute: sends webhook calls that are overdue."""
    at = context.scheduled_execution_time.astimezone(UTC)
    with application.database.transaction() as connection:
        overdue = call_queries.count_due(connection, since=at - WORKER_GRACE, at=at)
    return run_if(overdue, context, webhooks.name, otherwise="no webhook is overdue")


@jakarta_schedule(job=backup, cron_schedule="15 3 * * *")
def back_up_nightly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """At 03:15 Jakarta time, if BACKUP_PASSPHRASE is set: makes a backup and deletes old ones."""
    otherwise = "no passphrase: set BACKUP_PASSPHRASE, and keep it where the backups are not"
    return run_if(application.settings.backup_passphrase, context, backup.name, otherwise=otherwise)


delete_expired_documents_nightly = unconditional_schedule(
    "delete_expired_documents_nightly",
    document_retention,
    "30 2 * * *",
    "At 02:30 Jakarta time: deletes the PDFs of past events.",
)

delete_old_runs_nightly = unconditional_schedule(
    "delete_old_runs_nightly",
    run_history,
    "15 3 * * *",
    "At 03:15 Jakarta time: deletes old runs from Dagster's storage.",
)


@jakarta_schedule(job=apply_retention, cron_schedule="45 2 * * *")
def apply_retention_nightly(
    context: dg.ScheduleEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.RunRequest | dg.SkipReason:
    """At 02:45 Jakarta time, if there are retention rules: erases people's data that are due."""
    rules = application.database.run(retention_queries.list_rules)
    otherwise = "no retention rules: everything is kept; see `ticketing people retention`"
    return run_if(rules, context, apply_retention.name, otherwise=otherwise)


daily_exports_every_morning = unconditional_schedule(
    "daily_exports_every_morning",
    daily_exports,
    "0 6 * * *",
    "At 06:00 Jakarta time: mails the lists of DAILY_EXPORTS to ORGANISER_EMAIL.",
    default_status=STOPPED,
)
