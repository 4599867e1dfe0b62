"""Incidents for failed asset checks; an incident is closed when the check passes.

A failed check does not fail its run, so run sensors do not see it. This sensor reads the latest
result of every check per event, per day, or overall. It has no cursor, so it cannot skip a result.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterInstance
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from sensors.outcomes import Outcome, report_outcomes
from ticket_assets.deliveries import DELIVERY_CHECKS
from ticket_assets.sales import reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.ticket_checks import CHECKS
from ticket_assets.voucher_checks import VOUCHER_CHECKS
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind

FAILED = AssetCheckExecutionRecordStatus.FAILED
FINISHED = frozenset({FAILED, AssetCheckExecutionRecordStatus.SUCCEEDED})
EVENT_CHECK_KEYS = [key for check in [*CHECKS, *DELIVERY_CHECKS] for key in check.check_keys]
DAY_CHECK_KEYS = list(reconciliation.check_keys)
GLOBAL_CHECK_KEYS = [key for check in [*SALES_CHECKS, *VOUCHER_CHECKS] for key in check.check_keys]


def check_cause(check: str, partition: str | None) -> str:
    """Return the incident's cause."""
    return f"check:{check}:{partition or 'all events'}"


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def check_failures(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Opens an incident for every failing check and event or day, and closes it when it passes."""
    with application.database.transaction() as connection:
        open_causes = {line.cause for line in incidents.list_open(connection)}
        outcomes = list(iter_latest_outcomes(context.instance, open_causes))
        report = report_outcomes(connection, outcomes)
    return dg.SkipReason(f"{len(outcomes)} results: {report}")


def iter_latest_outcomes(
    instance: DagsterInstance, open_causes: Collection[str]
) -> Iterator[Outcome]:
    """Yield failed results, and passed results of checks with an open incident.

    One query reads the states of all events; details are read only for these results.
    """
    storage = instance.event_log_storage
    for known in storage.get_asset_check_partition_info([*EVENT_CHECK_KEYS, *DAY_CHECK_KEYS]):
        key, partition = known.check_key, known.partition_key
        if partition and _is_relevant(key, partition, known.latest_execution_status, open_causes):
            yield from _iter_latest_outcome(instance, key, partition)
    for key, record in storage.get_latest_asset_check_execution_by_key(GLOBAL_CHECK_KEYS).items():
        if _is_relevant(key, None, record.status, open_causes):
            yield from _iter_latest_outcome(instance, key, None)


def _is_relevant(
    key: dg.AssetCheckKey,
    partition: str | None,
    status: AssetCheckExecutionRecordStatus,
    open_causes: Collection[str],
) -> bool:
    return status is FAILED or (
        status in FINISHED and check_cause(key.name, partition) in open_causes
    )


def _iter_latest_outcome(
    instance: DagsterInstance, key: dg.AssetCheckKey, partition: str | None
) -> Iterator[Outcome]:
    history = instance.event_log_storage.get_asset_check_execution_history(
        key,
        limit=1,
        partition_filter=PartitionKeyFilter(key=partition) if partition else None,
    )
    for record in history:
        entry = record.event
        event = entry.get_dagster_event() if entry else None
        # a new evaluation may have started since the state was read; the next tick reads it
        if entry and event and event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            yield Outcome(
                IncidentKind.CHECK,
                check_cause(key.name, partition),
                partition if key in EVENT_CHECK_KEYS else None,
                record.run_id,
                datetime.fromtimestamp(entry.timestamp, tz=UTC),
                None if evaluation.passed else evaluation.description or "",
            )
