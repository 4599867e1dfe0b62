"""Schedule that deletes expired documents."""

import dagster as dg

from ticket_assets.retention import document_retention

document_retention_nightly = dg.ScheduleDefinition(
    name="document_retention_nightly",
    job=document_retention,
    cron_schedule="30 2 * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Deletes the PDFs of events that are long over, at 02:30 in Jakarta.",
)
