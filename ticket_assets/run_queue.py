"""Priorities of jobs in the run queue, and detection of runs that are queued or running.

The limits of the queue are in `deploy/dagster_home/dagster.yaml`. A run without a priority, such as
one of a backfill, has priority 0.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

BACKFILL_TAG = "dagster/backfill"
PARTITION_TAG = "dagster/partition"
PRIORITY_TAG = "dagster/priority"
OPERATIONAL: Mapping[str, str] = {PRIORITY_TAG: "10"}  # what keeps sales correct and staff informed
BUYER_WAITS: Mapping[str, str] = {PRIORITY_TAG: "20"}
AREA_TAG = "ticketing/area"

STARTED_STATUSES = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]
ACTIVE_STATUSES = [DagsterRunStatus.QUEUED, *STARTED_STATUSES, DagsterRunStatus.CANCELING]
STARTED_RUN_WINDOW = timedelta(minutes=1)


def area(name: str) -> dict[str, str]:
    """Return the tag by which Dagster's page filters assets, jobs, triggers and runs."""
    return {AREA_TAG: name}


def has_active_run(instance: DagsterInstance, job_name: str) -> bool:
    """Return whether a run of the job is queued, starting, running or being cancelled."""
    filters = RunsFilter(job_name=job_name, statuses=ACTIVE_STATUSES)
    return bool(instance.get_run_ids(filters, limit=1))


def has_recent_run(instance: DagsterInstance, job_name: str) -> bool:
    """Return whether a run of the job is queued, or was created in the last minute and runs.

    For work that cannot wait until Dagster notices that the process of an older run has died.
    """
    queued = RunsFilter(job_name=job_name, statuses=[DagsterRunStatus.QUEUED])
    started = RunsFilter(
        job_name=job_name,
        statuses=STARTED_STATUSES,
        created_after=datetime.now(UTC) - STARTED_RUN_WINDOW,
    )
    return any(instance.get_run_ids(filters, limit=1) for filters in (queued, started))


def list_active_partitions(instance: DagsterInstance, job_name: str) -> set[str]:
    """Return the partitions for which a run of the job is queued or running."""
    runs = instance.get_runs(RunsFilter(job_name=job_name, statuses=ACTIVE_STATUSES))
    return {run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags}
