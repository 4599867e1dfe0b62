"""Drive a run while something watches: the command line, or a run of Dagster."""

from collections.abc import Callable
from datetime import datetime
from threading import Thread

from ticketing.billing.sync import control
from ticketing.billing.sync.drive import BillingConnector, drive_run
from ticketing.billing.sync.progress import SyncProgress, follow_run, progress
from ticketing.platform.db.database import Database

Show = Callable[[SyncProgress], None]


def drive_or_follow(
    database: Database,
    connector: BillingConnector,
    run_id: int,
    show: Show,
    *,
    by: str,
    clock: Callable[[], datetime],
    interrupt: type[BaseException] = KeyboardInterrupt,
) -> SyncProgress:
    """Drive a run in another thread, or follow whoever drives it, and show its progress.

    An `interrupt` in this thread cancels the run, unless somebody else drives it, and goes on.
    """
    failures = list[BaseException]()

    def work() -> None:
        try:
            drive_run(database, connector, run_id, clock=clock)
        except BaseException as error:  # noqa: BLE001 - raised again in the first thread
            failures.append(error)

    thread = Thread(target=work)
    thread.start()
    end = progress(database, connector.name, at=clock())
    try:
        for end in follow_run(database, connector.name, run_id, clock=clock):
            show(end)
            if failures:
                raise failures[0]
    except interrupt:
        if thread.is_alive():
            control.cancel_run(database, connector.name, by=by, at=clock())
        raise
    finally:
        thread.join()
    return end
