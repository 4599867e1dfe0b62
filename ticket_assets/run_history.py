"""Deletion of old runs from Dagster's storage, which grows by some hundred runs a day.

What Dagster still shows is kept: the run of the latest materialisation of each asset and partition,
and of the latest evaluation of each check.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from pydantic import Field
from sqlalchemy import Connection, Select, delete, func, select

from ticket_assets.retries import run_attempt
from ticket_assets.run_queue import area
from ticketing.platform.application import Application

FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
NO_RUN = ""  # the run id of what a sensor reported
EVENTS, CHECKS = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c


class RunHistoryConfig(dg.Config):
    """Options of deletion."""

    dry_run: bool = Field(default=False, description="Only count; delete nothing.")


@dg.op
def delete_old_runs(
    context: dg.OpExecutionContext,
    config: RunHistoryConfig,
    application: dg.ResourceParam[Application],
) -> None:
    """Delete old runs with their events and logs, and superseded reports of sensors."""
    before = datetime.now(UTC) - timedelta(days=application.settings.run_history_days)
    with run_attempt(context):
        runs, reports = list_superseded_runs(context.instance, before), 0
        if not config.dry_run:
            for run_id in runs:
                _delete_run(context.instance, run_id)
            reports = delete_superseded_reports(context.instance, before)
    found = {"runs": len(runs), "reports": reports, "dry run": config.dry_run}
    context.add_output_metadata(found)


@dg.job(tags=area("operations"))
def run_history() -> None:
    """Deletes runs that ended RUN_HISTORY_DAYS ago. Safe to run again."""
    delete_old_runs()


def list_superseded_runs(instance: DagsterInstance, before: datetime) -> list[str]:
    """Return runs that finished before a time, without those whose results are the latest."""
    with _storage(instance).index_connection() as connection:
        kept = _list_latest_runs(connection)
    filters = RunsFilter(statuses=FINISHED, updated_before=before)
    return [run_id for run_id in instance.get_run_ids(filters) if run_id not in kept]


def delete_superseded_reports(instance: DagsterInstance, before: datetime) -> int:
    """Delete old materialisations without a run and old evaluations; return how many."""
    with _storage(instance).index_connection() as connection:
        reports = connection.execute(
            delete(SqlEventLogStorageTable).where(
                EVENTS.run_id == NO_RUN,
                EVENTS.timestamp < before.replace(tzinfo=None),
                EVENTS.id.not_in(_latest_events()),
            )
        )
        evaluations = connection.execute(
            delete(AssetCheckExecutionsTable).where(
                CHECKS.create_timestamp < before.replace(tzinfo=None),
                CHECKS.id.not_in(_latest_evaluations()),
            )
        )
    return reports.rowcount + evaluations.rowcount


def _list_latest_runs(connection: Connection) -> set[str]:
    events = select(EVENTS.run_id).where(EVENTS.id.in_(_latest_events()))
    evaluations = select(CHECKS.run_id).where(CHECKS.id.in_(_latest_evaluations()))
    return {*connection.scalars(events), *connection.scalars(evaluations)}


def _latest_events() -> Select[tuple[int]]:
    shown = [DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION]
    return (
        select(func.max(EVENTS.id))
        .where(EVENTS.dagster_event_type.in_([kind.value for kind in shown]))
        .group_by(EVENTS.asset_key, EVENTS.partition, EVENTS.dagster_event_type)
    )


def _latest_evaluations() -> Select[tuple[int]]:
    return select(func.max(CHECKS.id)).group_by(
        CHECKS.asset_key, CHECKS.check_name, CHECKS.partition
    )


def _delete_run(instance: DagsterInstance, run_id: str) -> None:
    """Delete a run; its text output first, which nothing would find afterwards."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)


def _storage(instance: DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"Dagster's storage is {type(storage).__name__}, which has no SQL")
    return storage
