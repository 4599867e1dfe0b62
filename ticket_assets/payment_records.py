"""The assets of synced payment records: the source, and what is stored of it."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from ticket_assets import metadata
from ticket_assets.batch import ACTOR
from ticket_assets.check_results import to_check_result
from ticket_assets.code_versions import source_version
from ticket_assets.partitions import OWNERS, asset
from ticket_assets.retries import LOG_INTERVAL_SECONDS, run_attempt
from ticket_assets.run_queue import area
from ticketing.billing.differences import check_queries
from ticketing.billing.differences.trend_queries import TrendPoint, list_trend
from ticketing.billing.sync import control, item_queries
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.foreground import drive_or_follow
from ticketing.billing.sync.progress import SyncProgress, progress
from ticketing.billing.sync.run import RunStatus, SyncNotRunning, SyncRun, SyncRunning
from ticketing.platform.application import Application
from ticketing.platform.db.tables.billing import payment_records as payment_records_table
from ticketing.platform.kernel.errors import Misconfigured
from ticketing.platform.kernel.invariant import InvariantResult

if TYPE_CHECKING:
    from ticketing.billing.differences.statement import Statement

BILLING_POOL = "billing"  # pool of runs that ask the source; the instance sets its limit
NOT_CONFIGURED = (
    "no source of payment records is configured: set BILLING_URL or BILLING_DATABASE_URL, and"
    " BILLING_MAPPING"
)
SECONDS_PER_DAY = 86_400
SYNC_COMMAND = "ticketing sync-payments"
WARN = dg.AssetCheckSeverity.WARN
NOTHING_TO_CHECK = dg.AssetCheckResult(
    passed=True, description="no source is configured, or there was no sync yet"
)

student_billing = dg.AssetSpec(
    "student_billing",
    description="Payment records at the school's billing system; a sync observes their version.",
    group_name="billing",
    owners=OWNERS,
    tags=area("billing"),
    code_version=source_version("ticketing.billing.sources"),
    kinds={"http"},
)


@asset(
    deps=[student_billing],
    group_name="billing",
    code=["ticketing.billing"],
    kinds={"postgres"},
    pool=BILLING_POOL,
    metadata=metadata.table_metadata(payment_records_table),
)
def payment_records(
    context: dg.AssetExecutionContext, application: dg.ResourceParam[Application]
) -> dg.MaterializeResult:
    """Payment records of all students, fetched from the billing system.

    Joins a sync that is running. Terminating the run cancels the sync that it started; a sync
    that is cancelled elsewhere fails the run. The next run goes on with what is left.
    """
    # pandas would slow the start of every process of Dagster
    from ticketing.billing.differences.statement import make_statement  # noqa: PLC0415

    with run_attempt(context):
        connector = require_connector(application)
        run = _sync(context, application, connector)
        if run.status != RunStatus.COMPLETED:
            raise dg.Failure(_describe_end(run), allow_retries=False)
        statement = make_statement(application.database, run, at=_now())
    context.log_event(_observation(statement))
    return dg.MaterializeResult(metadata=_metadata(application, statement))


def require_connector(application: Application) -> BillingConnector:
    """Return the configured source. Raises Misconfigured."""
    connector = application.find(BillingConnector)
    if connector is None:
        raise Misconfigured(NOT_CONFIGURED)
    return connector


def _sync(
    context: dg.AssetExecutionContext, application: Application, connector: BillingConnector
) -> SyncRun:
    """Start a sync, or join the running one, and return it when it has ended."""
    database, is_ours = application.database, True
    try:
        run_id = control.start_run(
            database, connector.name, limit=connector.limit, by=ACTOR, at=_now()
        ).run_id
    except SyncRunning as error:
        run_id, is_ours = int(str(error.details["run_id"])), False
        context.log.info("%s", error)
    try:
        end = drive_or_follow(
            database, connector, run_id, _logger(context), by=ACTOR, clock=_now,
            interrupt=DagsterExecutionInterruptedError,
        )  # fmt: skip
    except DagsterExecutionInterruptedError:
        if is_ours:  # the worker may have taken it up
            with suppress(SyncNotRunning):
                control.cancel_run(database, connector.name, by=ACTOR, at=_now())
        raise
    if end.run is None:
        raise dg.Failure("the counters of the sync were reset", allow_retries=False)
    return end.run


def _logger(context: dg.AssetExecutionContext) -> Callable[[SyncProgress], None]:
    logged_at = _now()

    def log(shown: SyncProgress) -> None:
        nonlocal logged_at
        if shown.run is not None and (_now() - logged_at).total_seconds() > LOG_INTERVAL_SECONDS:
            logged_at = _now()
            context.log.info(
                "%s %%: %s of %s students, %s failed",
                shown.percent, shown.run.processed, shown.run.total, shown.run.failed,
            )  # fmt: skip

    return log


def _describe_end(run: SyncRun) -> str:
    done = f"{run.processed:,} of {run.total:,} students are done and kept"
    if run.status == RunStatus.CANCELLED:
        return f"the sync was cancelled; {done}. The next run goes on with the others"
    return f"the sync stopped, {run.stop_class}: {run.stop_message}; {done}"


def _observation(statement: "Statement") -> dg.AssetObservation:
    """Return that the source had a new version, unless nothing had changed."""
    changed = len(statement.differences) + statement.first_records
    return dg.AssetObservation(
        student_billing.key,
        metadata={"students": statement.run.total, "differences": changed},
        tags={"dagster/data_version": f"run-{statement.run.id}"} if changed else {},
    )


def _metadata(application: Application, statement: "Statement") -> metadata.Metadata:
    run, groups = statement.run, statement.groups.sort_values("arrears", ascending=False)
    failures = application.database.run(item_queries.count_failures, run.id)
    trend = application.database.run(list_trend, run.source)
    bills = statement.differences
    return {
        **metadata.row_count(statement.total("students")),
        **metadata.page_link(application.settings.web_public_url, "/admin/sync-pembayaran"),
        "succeeded": run.succeeded,
        "unchanged": run.unchanged,
        "failed": run.failed,
        "first records": statement.first_records,
        **{f"bills {kind}": count for kind, count in statement.counts.items()},
        "newly paid": float(statement.newly_paid),
        "students in arrears": statement.total("in arrears"),
        "arrears": float(statement.total("arrears")),  # Dagster draws numbers over time
        "failures": metadata.markdown_table(
            ["class", "students"], failures.items(), total=len(failures)
        ),
        "differences": metadata.markdown_table(
            list(bills.columns), bills.head(metadata.MAX_ROWS).to_numpy().tolist(),
            total=len(bills),
        ),
        "by class": metadata.markdown_table(
            list(groups.columns), groups.head(metadata.MAX_ROWS).to_numpy().tolist(),
            total=len(groups),
        ),
        "arrears over time": metadata.line_chart(
            _trend_points(trend), label="arrears, thousands", unit="days"
        ),
        "age of records": metadata.markdown_table(
            ["age", "students"], statement.ages.to_dict().items(), total=len(statement.ages)
        ),
    }  # fmt: skip


def _trend_points(trend: Sequence[TrendPoint]) -> list[tuple[float, float]]:
    return [
        ((point.at - trend[0].at).total_seconds() / SECONDS_PER_DAY, float(point.arrears) / 1000)
        for point in trend
    ]


def _now() -> datetime:
    return datetime.now(UTC)


@dg.asset_check(asset=payment_records)
def payment_records_are_fresh(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """The record of every present student was fetched within BILLING_MAX_AGE_DAYS."""
    days = timedelta(days=application.settings.billing_max_age_days)
    connector = application.find(BillingConnector)
    if connector is None:
        return NOTHING_TO_CHECK
    with application.database.transaction() as connection:
        found = check_queries.check_freshness(connection, connector.name, max_age=days, at=_now())
    return to_check_result(found, "students", SYNC_COMMAND)


@dg.asset_check(asset=payment_records)
def sync_failures_below_threshold(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """No class of failures has more than 2 % of the students of the last sync."""
    return _check_last_run(application, check_queries.check_failures)


@dg.asset_check(asset=payment_records)
def no_student_listed_twice(application: dg.ResourceParam[Application]) -> dg.AssetCheckResult:
    """The source listed no student twice in the last sync."""
    return _check_last_run(application, check_queries.check_duplicates)


@dg.asset_check(asset=payment_records)
def stated_states_match_amounts(
    application: dg.ResourceParam[Application],
) -> dg.AssetCheckResult:
    """The source states of each bill what its amounts show; the amounts count."""
    connector = application.find(BillingConnector)
    if connector is None:
        return NOTHING_TO_CHECK
    with application.database.transaction() as connection:
        found = check_queries.check_states(connection, connector.name)
    return to_check_result(found, "bills", "ask the school to correct them", severity=WARN)


def _check_last_run(
    application: Application, check: Callable[..., InvariantResult]
) -> dg.AssetCheckResult:
    connector = application.find(BillingConnector)
    run = connector and progress(application.database, connector.name, at=_now()).run
    if run is None:
        return NOTHING_TO_CHECK
    found = application.database.run(check, run)
    return to_check_result(found, "students", f"{SYNC_COMMAND} --failed", severity=WARN)


BILLING_CHECKS = [
    payment_records_are_fresh,
    sync_failures_below_threshold,
    no_student_listed_twice,
    stated_states_match_amounts,
]
