"""The latest results of asset checks in Dagster's storage, read in one query."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterInstance
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value
from sqlalchemy import case, func, or_, select

FAILED = AssetCheckExecutionRecordStatus.FAILED.value
FINISHED = [FAILED, AssetCheckExecutionRecordStatus.SUCCEEDED.value]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The latest finished evaluation of a check for a partition; `event` only if it failed."""

    check: dg.AssetCheckKey
    partition: str | None
    run_id: str
    at: datetime
    event: str | None

    def failure(self) -> str | None:
        """Return the check's description of the failure with check and job, None if it passed."""
        if self.event is None:
            return None
        entry = deserialize_value(self.event, EventLogEntry)
        evaluation = entry.get_dagster_event().asset_check_evaluation_data
        return f"check {self.check.name}, job {entry.job_name}: {evaluation.description or ''}"


def list_latest_results(
    instance: DagsterInstance, names: Collection[str], *, also_passed: Collection[str]
) -> list[CheckResult]:
    """Return the failed results of these checks, and the passed ones of checks in `also_passed`.

    An evaluation that is still running does not hide the one before.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"Dagster's storage is {type(storage).__name__}, which has no SQL")
    table = AssetCheckExecutionsTable.c
    latest = (
        select(func.max(table.id))
        .where(table.check_name.in_(names), table.execution_status.in_(FINISHED))
        .group_by(table.asset_key, table.check_name, table.partition)
    )
    failed = table.execution_status == FAILED
    query = (
        select(
            table.asset_key, table.check_name, table.partition, table.run_id,
            table.evaluation_event_timestamp, case((failed, table.evaluation_event)).label("event"),
        )
        .where(table.id.in_(latest), or_(failed, table.check_name.in_(also_passed)))
        .order_by(table.id)
    )  # fmt: skip
    with storage.index_connection() as connection:
        return [
            CheckResult(
                dg.AssetCheckKey(dg.AssetKey(json.loads(row.asset_key)), row.check_name),
                row.partition,
                row.run_id,
                row.evaluation_event_timestamp.replace(tzinfo=UTC),
                row.event,
            )
            for row in connection.execute(query)
        ]
