"""Failing asset checks into the digest; a check that passes again closes its line.

A failing check does not fail its run, so no run sensor sees it. This one reads the last evaluation
of every check for every event, every day, or all of sales and vouchers: a state, so there is no
cursor that could step over anything.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterEventType, DagsterInstance
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from ticket_assets.checks import CHECKS
from ticket_assets.deliveries import DELIVERY_CHECKS
from ticket_assets.sales import reconciliation
from ticket_assets.sales_checks import SALES_CHECKS
from ticket_assets.voucher_checks import VOUCHER_CHECKS
from ticketing.platform.application import Application
from ticketing.platform.db import incidents
from ticketing.platform.db.incidents import IncidentKind, Occurrence

FAILED = AssetCheckExecutionRecordStatus.FAILED
FINISHED = frozenset({FAILED, AssetCheckExecutionRecordStatus.SUCCEEDED})
EVENT_CHECK_KEYS = [key for check in [*CHECKS, *DELIVERY_CHECKS] for key in check.check_keys]
DAY_CHECK_KEYS = list(reconciliation.check_keys)
GLOBAL_CHECK_KEYS = [key for check in [*SALES_CHECKS, *VOUCHER_CHECKS] for key in check.check_keys]


def check_cause(check: str, partition: str | None) -> str:
    """What the digest counts under one line."""
    return f"check:{check}:{partition or 'all events'}"


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The last word of one check about one event, one day (then `event_slug` is None) or all.

    `message` is what it said when it failed.
    """

    check: str
    partition: str | None
    run_id: str
    at: datetime
    passed: bool
    message: str = ""
    event_slug: str | None = None

    @property
    def cause(self) -> str:
        """What the digest counts under one line."""
        return check_cause(self.check, self.partition)


def to_occurrences(outcomes: Iterable[CheckOutcome]) -> Iterator[Occurrence]:
    """The failing ones, as the digest takes them."""
    for found in outcomes:
        if not found.passed:
            yield Occurrence(
                found.cause,
                IncidentKind.CHECK,
                found.message,
                found.at,
                found.event_slug,
                found.run_id,
            )


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def check_failures(
    context: dg.SensorEvaluationContext, application: dg.ResourceParam[Application]
) -> dg.SkipReason:
    """Keeps one line a failing check and event or day, in the table `incidents`."""
    with application.database.transaction() as connection:
        open_causes = {line.cause for line in incidents.list_open(connection)}
        findings = list(iter_latest_outcomes(context.instance, open_causes))
        told = sum(
            incidents.record_occurrence(connection, seen) for seen in to_occurrences(findings)
        )
        closed = sum(
            incidents.resolve(connection, found.cause, at=found.at)
            for found in findings
            if found.passed
        )
    return dg.SkipReason(f"{len(findings)} results read: {told} failures told, {closed} resolved")


def iter_latest_outcomes(
    instance: DagsterInstance, open_causes: Collection[str]
) -> Iterator[CheckOutcome]:
    """The last evaluations that fail, and those that pass where the digest has an open line.

    A check that passes and has no open line is no news, and is not read: one query a check finds
    the states of all events.
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
) -> Iterator[CheckOutcome]:
    history = instance.event_log_storage.get_asset_check_execution_history(
        key,
        limit=1,
        partition_filter=PartitionKeyFilter(key=partition) if partition else None,
    )
    for record in history:
        entry = record.event
        event = entry.get_dagster_event() if entry else None
        # since the state was read, the check may have been asked for again: next tick, then
        if entry and event and event.event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
            said = event.asset_check_evaluation_data
            yield CheckOutcome(
                check=key.name,
                partition=partition,
                run_id=record.run_id,
                at=datetime.fromtimestamp(entry.timestamp, tz=UTC),
                passed=said.passed,
                message=said.description or "",
                event_slug=partition if key in EVENT_CHECK_KEYS else None,
            )
