"""Incidents for failed steps; an incident is closed when the step later succeeds.

Reads finished runs by update time with an overlap. A cursor over event log ids could skip ids that
are committed out of order. Incidents deduplicate repeated occurrences.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, RunRecord, RunsFilter
from dagster._core.execution.plan.objects import StepFailureData

from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind, Occurrence

INITIAL_LOOKBACK = timedelta(days=1)
CURSOR_OVERLAP = timedelta(minutes=10)
PARTITION_TAG = "dagster/partition"
MAX_MESSAGE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """Result of one step of a finished run; the run itself counts as a step named like its job.

    `failure` is None when it succeeded.
    """

    step: str
    event_slug: str | None
    run_id: str
    at: datetime
    failure: str | None

    @property
    def cause(self) -> str:
        """Return the incident's cause."""
        return f"run:{self.step}:{self.event_slug or 'no event'}"


def to_occurrences(outcomes: Iterable[StepOutcome]) -> Iterator[Occurrence]:
    """Yield an occurrence for every failure."""
    for outcome in outcomes:
        if outcome.failure is not None:
            text = outcome.failure[:MAX_MESSAGE_LENGTH]
            yield Occurrence(
                outcome.cause,
                IncidentKind.RUN,
                text,
                outcome.at,
                outcome.event_slug,
                outcome.run_id,
            )


def step_outcomes(
    record: RunRecord, failed: Mapping[str, str], succeeded: Iterable[str]
) -> list[StepOutcome]:
    """Return the results of a finished run's steps and of the run itself."""
    run = record.dagster_run
    slug = run.tags.get(PARTITION_TAG)
    at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), tz=UTC)
    failure = None if run.is_success else "the run ended without a failed step: its process died"
    results = dict.fromkeys(succeeded) | dict(failed)
    if not failed:
        results[run.job_name] = failure
    return [StepOutcome(step, slug, run.run_id, at, failure) for step, failure in results.items()]


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
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
        reported = sum(
            incidents.record_occurrence(connection, occurrence)
            for occurrence in to_occurrences(outcomes)
        )
        resolved = sum(
            incidents.resolve(connection, outcome.cause, at=outcome.at)
            for outcome in outcomes
            if outcome.failure is None
        )
    if records:
        context.update_cursor(records[-1].update_timestamp.isoformat())
    return dg.SkipReason(f"{len(records)} runs: {reported} failures reported, {resolved} resolved")


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


def _run_outcomes(instance: DagsterInstance, record: RunRecord) -> list[StepOutcome]:
    failed: dict[str, str] = {}
    succeeded: list[str] = []
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SUCCESS}
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=kinds):
        event = entry.get_dagster_event()
        step = event.step_key or ""
        if event.is_step_success:
            succeeded.append(step)
        else:
            failed[step] = _failure_message(event.step_failure_data)
    return step_outcomes(record, failed, succeeded)


def _failure_message(data: StepFailureData) -> str:
    """Return our description of the failure, else the first line of the error.

    Later lines of an error may contain row data.
    """
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error.cause or data.error if data.error else None
    lines = error.message.strip().splitlines() if error else []
    return lines[0] if lines else "failed without a message"
