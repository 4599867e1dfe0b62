"""Schedules of documents: deletion of expired PDFs, and export mails, which are off by default."""

import dagster as dg

from schedules.run_requests import JAKARTA, RUNNING
from ticket_assets.exports import daily_exports
from ticket_assets.retention import document_retention

delete_expired_documents_nightly = dg.ScheduleDefinition(
    name="delete_expired_documents_nightly",
    job=document_retention,
    cron_schedule="30 2 * * *",
    execution_timezone=JAKARTA,
    default_status=RUNNING,
    description="At 02:30 Jakarta time: deletes the PDFs of past events.",
)

daily_exports_every_morning = dg.ScheduleDefinition(
    name="daily_exports_every_morning",
    job=daily_exports,
    cron_schedule="0 6 * * *",
    execution_timezone=JAKARTA,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="At 06:00 Jakarta time: mails the lists of DAILY_EXPORTS to ORGANISER_EMAIL.",
)
