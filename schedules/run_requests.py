"""Decorator of schedules in Jakarta time, and the decision whether a tick starts a run.

A tick starts no run while one of its job is queued or running: behind a long queue, runs of the
same job would pile up, and each would find the work done by the one before.
"""

import inspect
from collections.abc import Callable, Collection, Iterator
from datetime import UTC
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from ticket_assets.run_queue import AREA_TAG, has_active_run, list_active_partitions

Job = dg.JobDefinition | UnresolvedAssetJobDefinition
JAKARTA = "Asia/Jakarta"
RUNNING, STOPPED = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED


def jakarta_schedule(
    *,
    job: Job,
    cron_schedule: str,
    name: str | None = None,
    description: str | None = None,
    default_status: dg.DefaultScheduleStatus = RUNNING,
) -> Callable[[Callable[..., Any]], dg.ScheduleDefinition]:
    """Return a decorator like `dg.schedule`; it shows the docstring and has the job's area."""

    def decorate(function: Callable[..., Any]) -> dg.ScheduleDefinition:
        return dg.schedule(
            job=job,
            cron_schedule=cron_schedule,
            name=name,
            description=description or inspect.getdoc(function),
            tags={AREA_TAG: (job.tags or {})[AREA_TAG]},
            execution_timezone=JAKARTA,
            default_status=default_status,
        )(function)

    return decorate


def run_if(
    has_work: object, context: dg.ScheduleEvaluationContext, job_name: str, *, otherwise: str
) -> dg.RunRequest | dg.SkipReason:
    """Request a run if there is work; a repeated tick of the same minute starts no second run."""
    if not has_work:
        return dg.SkipReason(otherwise)
    if has_active_run(context.instance, job_name):
        return dg.SkipReason(f"a run of {job_name} is already queued or running")
    at = context.scheduled_execution_time.astimezone(UTC)
    return dg.RunRequest(run_key=f"{at:%Y-%m-%dT%H:%MZ}")


def run_each(
    slugs: Collection[str],
    context: dg.ScheduleEvaluationContext,
    job_name: str,
    *,
    otherwise: str,
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Request a run per event, unless the job is queued or running for it; once per tick's minute.

    The key names the minute: a repeated tick starts no second run, the next hour does.
    """
    if not slugs:
        yield dg.SkipReason(otherwise)
        return
    at = context.scheduled_execution_time.astimezone(UTC)
    idle = sorted(set(slugs) - list_active_partitions(context.instance, job_name))
    for slug in idle:
        yield dg.RunRequest(run_key=f"{slug} {at:%Y-%m-%dT%H:%MZ}", partition_key=slug)
    if not idle:
        yield dg.SkipReason(f"a run of {job_name} is already queued or running for each event")


def unconditional_schedule(
    name: str,
    job: Job,
    cron_schedule: str,
    description: str,
    *,
    default_status: dg.DefaultScheduleStatus = RUNNING,
) -> dg.ScheduleDefinition:
    """Return a schedule that starts a run at every tick, unless one is queued or running."""

    @jakarta_schedule(
        name=name,
        job=job,
        cron_schedule=cron_schedule,
        description=description,
        default_status=default_status,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        return run_if(True, context, job.name, otherwise="")

    return schedule
