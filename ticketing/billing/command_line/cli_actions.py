"""What the command does: start, drive or follow a sync with a progress bar."""

from collections.abc import Iterator
from contextlib import contextmanager

from ticketing.billing.sync import control, item_queries
from ticketing.billing.sync.drive import BillingConnector
from ticketing.billing.sync.foreground import Show
from ticketing.billing.sync.item_queries import FailedItem
from ticketing.billing.sync.log_messages import log_text
from ticketing.billing.sync.progress import SyncProgress, progress
from ticketing.billing.sync.run import SyncRunning
from ticketing.platform.cli.console import now
from ticketing.platform.db.database import Database
from ticketing.platform.db.paging import iter_rows
from ticketing.platform.kernel.errors import Misconfigured

NOT_CONFIGURED = "no source of payment records is configured: set BILLING_URL and BILLING_MAPPING"


def require_connector(connector: BillingConnector | None) -> BillingConnector:
    """Return the connector; raise Misconfigured without one."""
    if connector is None:
        raise Misconfigured(NOT_CONFIGURED)
    return connector


def read(database: Database, connector: BillingConnector) -> SyncProgress:
    """Return the progress now."""
    return progress(database, connector.name, at=now())


def start(
    database: Database,
    connector: BillingConnector,
    *,
    retry: bool,
    only: list[str] | None,
    by: str,
) -> int:
    """Start a run, or return the one that is running."""
    try:
        if retry:
            begun = control.retry_failed(
                database, connector.name, external_ids=only, by=by, at=now()
            )
        else:
            begun = control.start_run(
                database, connector.name, limit=connector.limit, by=by, at=now()
            )
    except SyncRunning as error:
        if retry:
            raise
        return int(str(error.details["run_id"]))
    return begun.run_id


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[Show]:
    """Show a bar on standard error with counts, rate and time left; nothing when quiet."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[counts]}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bar:
        task = bar.add_task("students", total=None, counts="")

        def show(shown: SyncProgress) -> None:
            run = shown.run
            if run is not None:
                total = run.total if run.listed_at else None
                bar.update(task, total=total, completed=run.processed, counts=_counts(shown))

        yield show


def describe(shown: SyncProgress) -> list[str]:
    """Return the progress as lines."""
    run = shown.run
    if run is None:
        return [f"{shown.source}: no sync, or its counters were reset."]
    counts = (
        f"{run.total:,} students, {run.succeeded:,} succeeded ({run.unchanged:,} unchanged),"
        f" {run.failed:,} failed"
    )
    lines = [f"{shown.source}: {shown.status}, {shown.percent} %: {counts}"]
    if shown.is_waiting:
        lines.append("Waiting: no process drives it. Start `ticketing worker`, or run this command"
                     " without options.")  # fmt: skip
    lines += [f"  {log_text(line, 'en')}" for line in shown.log if line.level != "info"]
    if shown.has_held:
        lines.append("Decide with --accept-held or --discard-held.")
    if run.failed:
        lines.append("List failures with --failed; ask again with --retry-failed.")
    return lines


def list_all_failed(database: Database, connector: BillingConnector) -> Iterator[FailedItem]:
    """Return the failed items of the run that is shown, page by page."""
    run = read(database, connector).run
    if run is None:
        return iter(())
    return iter_rows(
        database,
        lambda connection, after: item_queries.list_failed(
            connection, run.id, after_id=after, limit=500
        ),
        lambda item: item.id,
    )


def _counts(shown: SyncProgress) -> str:
    run, left = shown.run, shown.estimate
    if run is None:
        return ""
    counts = f"ok {run.succeeded:,}  failed {run.failed:,}"
    if left is None:
        return counts
    seconds = "" if left.seconds is None else f"  {left.seconds:,.0f} s left"
    return f"{counts}  {left.rate:.1f}/s{seconds}"
