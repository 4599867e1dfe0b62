"""The time zone of schedules, and the answer of a schedule that runs only if there is work."""

from datetime import UTC

import dagster as dg

JAKARTA = "Asia/Jakarta"
RUNNING = dg.DefaultScheduleStatus.RUNNING


def run_if(
    has_work: object, context: dg.ScheduleEvaluationContext, *, otherwise: str
) -> dg.RunRequest | dg.SkipReason:
    """Request a run if there is work; a repeated tick of the same minute starts no second run."""
    at = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}") if has_work else dg.SkipReason(otherwise)
