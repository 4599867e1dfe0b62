"""Schedule of export mails to the organiser; off by default."""

import dagster as dg

from ticket_assets.exports import daily_exports

daily_exports_every_morning = dg.ScheduleDefinition(
    name="daily_exports_every_morning",
    job=daily_exports,
    cron_schedule="0 6 * * *",
    execution_timezone="Asia/Jakarta",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="At 06:00 Jakarta time: mails the lists of DAILY_EXPORTS to ORGANISER_EMAIL.",
)
