"""Schedule that deletes expired documents."""

import dagster as dg

from ticket_assets.retention import document_retention

delete_expired_documents_nightly = dg.ScheduleDefinition(
    name="delete_expired_documents_nightly",
    job=document_retention,
    cron_schedule="30 2 * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At 02:30 Jakarta time: deletes the PDFs of past events.",
)
