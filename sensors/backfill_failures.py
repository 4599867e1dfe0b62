"""Incidents for backfills that failed or were cancelled; a later one of the same assets closes it.

Reads the latest backfills at every tick. It has no cursor, so it cannot skip one.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterInstance, RunsFilter
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
    PartitionBackfill,
)

from sensors.outcomes import Outcome, report_outcomes
from sensors.running_sensor import running_sensor
from ticket_assets.run_queue import BACKFILL_TAG
from ticketing.platform.application import Application
from ticketing.platform.db.incidents import IncidentKind

LOOKBACK = timedelta(days=7)
MAX_BACKFILLS = 20
PROBLEMS = {
    BulkActionStatus.FAILED: "ended by an error of Dagster, see Dagster's page of backfills",
    BulkActionStatus.CANCELED: "cancelled before all of its events were done",
    BulkActionStatus.COMPLETED_FAILED: "ended with failed runs",
}


def backfill_subject(backfill: PartitionBackfill) -> str:
    """Return the job or the assets that a backfill is about."""
    assets = sorted(key.to_user_string() for key in backfill.asset_selection or ())
    return backfill.job_name or ", ".join(assets)


def latest_of_each(backfills: Sequence[PartitionBackfill]) -> list[PartitionBackfill]:
    """Return the first backfill of each subject, from a list that begins with the latest."""
    return list({backfill_subject(each): each for each in reversed(backfills)}.values())


@running_sensor(area="operations", minimum_interval_seconds=60)
def backfill_failures(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Opens an incident per failed or cancelled backfill; closes it when a later one succeeds."""
    filters = BulkActionsFilter(
        statuses=BULK_ACTION_TERMINAL_STATUSES, created_after=datetime.now(UTC) - LOOKBACK
    )
    ended = context.instance.get_backfills(filters, limit=MAX_BACKFILLS)
    outcomes = list(_iter_outcomes(context.instance, latest_of_each(ended)))
    with application.database.transaction() as connection:
        report = report_outcomes(connection, outcomes)
    return dg.SkipReason(f"{len(ended)} backfills: {report}")


def _iter_outcomes(
    instance: DagsterInstance, backfills: Sequence[PartitionBackfill]
) -> Iterator[Outcome]:
    for backfill in backfills:
        subject = backfill_subject(backfill)
        problem = PROBLEMS.get(backfill.status)
        ended_at = backfill.backfill_end_timestamp or backfill.backfill_timestamp
        yield Outcome(
            IncidentKind.RUN,
            f"backfill:{subject}",
            None,
            None,
            datetime.fromtimestamp(ended_at, tz=UTC),
            problem
            and f"backfill {backfill.backfill_id} of {subject} {problem}; "
            f"{_count_runs(instance, backfill)}. Repair: start it again for the missing events",
        )


def _count_runs(instance: DagsterInstance, backfill: PartitionBackfill) -> str:
    tags = {BACKFILL_TAG: backfill.backfill_id}
    total = instance.get_runs_count(RunsFilter(tags=tags))
    done = instance.get_runs_count(RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.SUCCESS]))
    return f"{done} of {total} started runs succeeded"
