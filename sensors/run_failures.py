"""Failed steps of runs into the digest; a step that later succeeds closes its line.

Reads the state of runs, not a stream of them: an event log's ids may be committed out of order,
and a cursor over ids would step over the late ones. The cursor here is a time, looked back behind,
and the digest knows what it was already told.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, RunRecord, RunsFilter
from dagster._core.execution.plan.objects import StepFailureData

from ticketing.application import Application
from ticketing.store import incidents
from ticketing.store.incidents import Kind, Occurrence

FIRST_LOOK_BACK = timedelta(days=1)
OVERLAP = timedelta(minutes=10)
PARTITION_TAG = "dagster/partition"
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step of a finished run ended; the run itself is a step too, under its job's name.

    `failure` is what it died of, None when it succeeded.
    """

    step: str
    event_slug: str | None
    run_id: str
    at: datetime
    failure: str | None

    @property
    def cause(self) -> str:
        """What the digest counts under one line."""
        return f"run:{self.step}:{self.event_slug or 'no event'}"


def occurrences(outcomes: Iterable[Outcome]) -> Iterator[Occurrence]:
    """The failures among them, as the digest takes them."""
    for end in outcomes:
        if end.failure is not None:
            text = end.failure[:LONGEST_MESSAGE]
            yield Occurrence(end.cause, Kind.RUN, text, end.at, end.event_slug, end.run_id)


def outcomes_of(
    record: RunRecord, failed: Mapping[str, str], succeeded: Iterable[str]
) -> list[Outcome]:
    """What a finished run tells of its steps and of itself."""
    run = record.dagster_run
    slug = run.tags.get(PARTITION_TAG)
    at = datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), tz=UTC)
    died = None if run.is_success else "the run ended without a failed step: its process died"
    ends = dict.fromkeys(succeeded) | dict(failed)
    if not failed:
        ends[run.job_name] = died
    return [Outcome(step, slug, run.run_id, at, why) for step, why in ends.items()]


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def run_failures(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Keeps one line a cause of what failed, in the table `incidents`."""
    since = _since(context.cursor)
    records = _finished(context.instance, since)
    outcomes = [end for record in records for end in _outcomes(context.instance, record)]
    with application.database.transaction() as connection:
        told = sum(incidents.observe(connection, seen) for seen in occurrences(outcomes))
        closed = sum(
            incidents.resolve(connection, end.cause, at=end.at)
            for end in outcomes
            if end.failure is None
        )
    if records:
        context.update_cursor(records[-1].update_timestamp.isoformat())
    return dg.SkipReason(f"{len(records)} runs looked at: {told} failures told, {closed} resolved")


def _since(cursor: str | None) -> datetime:
    if cursor is None:
        return datetime.now(UTC) - FIRST_LOOK_BACK
    return datetime.fromisoformat(cursor) - OVERLAP


def _finished(instance: DagsterInstance, since: datetime) -> list[RunRecord]:
    filters = RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], updated_after=since
    )
    records = instance.get_run_records(filters, order_by="update_timestamp", ascending=True)
    return list(records)


def _outcomes(instance: DagsterInstance, record: RunRecord) -> list[Outcome]:
    failed: dict[str, str] = {}
    succeeded: list[str] = []
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_SUCCESS}
    for entry in instance.all_logs(record.dagster_run.run_id, of_type=kinds):
        event = entry.get_dagster_event()
        step = event.step_key or ""
        if event.is_step_success:
            succeeded.append(step)
        else:
            failed[step] = _statement(event.step_failure_data)
    return outcomes_of(record, failed, succeeded)


def _statement(data: StepFailureData) -> str:
    """What we said of it; else the first line of the error, for the others may show a row."""
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error.cause or data.error if data.error else None
    lines = error.message.strip().splitlines() if error else []
    return lines[0] if lines else "failed without a word"
