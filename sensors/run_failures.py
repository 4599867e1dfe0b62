"""Incidents for failed steps; an incident is closed when the step later succeeds.

Reads finished runs by update time with an overlap. A cursor over event log ids could skip ids that
are committed out of order. Incidents deduplicate repeated occurrences.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, RunRecord, RunsFilter
from dagster._core.errors import DagsterAssetCheckFailedError
from dagster._core.execution.plan.objects import StepFailureData

from sensors.outcomes import Outcome, report_outcomes
from sensors.running_sensor import running_sensor
from ticket_assets.run_queue import PARTITION_TAG
from ticketing.platform.application import Application
from ticketing.platform.db.incidents import IncidentKind

INITIAL_LOOKBACK = timedelta(days=1)
CURSOR_OVERLAP = timedelta(minutes=10)
MAX_MESSAGE_LENGTH = 500


def step_outcomes(
    record: RunRecord,
    failed: Mapping[str, str],
    succeeded: Iterable[str],
    *,
    is_blocked: bool,
) -> list[Outcome]:
    """Return the outcomes of a finished run's steps and of the run, a step named like its job.

    A run that a blocking check has stopped did what it should.
    """
    run = record.dagster_run
    slug = run.tags.get(PARTITION_TAG)
    at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), tz=UTC)
    died = f"job {run.job_name}: the run ended without a failed step: its process died"
    results: dict[str, str | None] = dict.fromkeys(succeeded)
    results |= {step: f"step {step}, job {run.job_name}: {why}" for step, why in failed.items()}
    if not failed:
        results[run.job_name] = None if run.is_success or is_blocked else died
    return [
        Outcome(
            IncidentKind.RUN,
            f"run:{step}:{slug or 'no event'}",
            slug,
            run.run_id,
            at,
            failure and failure[:MAX_MESSAGE_LENGTH],
        )
        for step, failure in results.items()
    ]


@running_sensor(area="operations", minimum_interval_seconds=30)
def run_failures(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Opens an incident per failed step and closes it when the step succeeds."""
    since = _since(context.cursor)
    records = _list_finished_runs(context.instance, since)
    outcomes = [
        outcome for record in records for outcome in _run_outcomes(context.instance, record)
    ]
    with application.database.transaction() as connection:
        report = report_outcomes(connection, outcomes)
    if records:
        context.update_cursor(records[-1].update_timestamp.isoformat())
    return dg.SkipReason(f"{len(records)} runs: {report}")


def _since(cursor: str | None) -> datetime:
    if cursor is None:
        return datetime.now(UTC) - INITIAL_LOOKBACK
    return datetime.fromisoformat(cursor) - CURSOR_OVERLAP


def _list_finished_runs(instance: DagsterInstance, since: datetime) -> list[RunRecord]:
    filters = RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=since
    )
    records = instance.get_run_records(filters, order_by="update_timestamp", ascending=True)
    return list(records)


def _run_outcomes(instance: DagsterInstance, record: RunRecord) -> list[Outcome]:
    failed: dict[str, str] = {}
    succeeded: list[str] = []
    is_blocked = False
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SUCCESS}
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=kinds):
        event = entry.get_dagster_event()
        step = event.step_key or ""
        if event.is_step_success:
            succeeded.append(step)
        elif _is_blocking_check(event.step_failure_data):
            is_blocked = True
        else:
            failed[step] = _failure_message(event.step_failure_data)
    return step_outcomes(record, failed, succeeded, is_blocked=is_blocked)


def _is_blocking_check(data: StepFailureData) -> bool:
    """Return whether the step is a blocking check that failed, which `check_failures` reports."""
    return data.error is not None and data.error.cls_name == DagsterAssetCheckFailedError.__name__


def _failure_message(data: StepFailureData) -> str:
    """Return our description of the failure, else the first line of the error.

    Later lines of an error may contain row data.
    """
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error.cause or data.error if data.error else None
    lines = error.message.strip().splitlines() if error else []
    return lines[0] if lines else "failed without a message"
