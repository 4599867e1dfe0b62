"""The job behind a run's tickets: one batch a run, however many steps and attempts it has."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from ticketing.actions.batch import Opening, batch_under_way
from ticketing.application import Application
from ticketing.domain.events import Event

BY = "dagster"  # the open UI has no login: the run id says which run, nobody can say whose


@contextmanager
def batch_of(
    context: dg.AssetExecutionContext,
    application: Application,
    event: Event,
    *,
    is_last: bool = False,
) -> Iterator[int]:
    """The job id of this run; a run that retries another goes on with the other's job.

    After its last step the organiser is told how it ended.
    """
    run = context.run
    opening = Opening(
        key=f"dagster-{run.root_run_id or run.run_id}",
        by=BY,
        at=datetime.now(UTC),
        options={"job": run.job_name},
        dagster_run_id=run.run_id,
        is_announced=is_last,
    )
    with batch_under_way(application.database, event, opening) as batch:
        yield batch.id
