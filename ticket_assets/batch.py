"""The batch of a Dagster run: one per run, for all its steps and retries."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from ticketing.events.model import Event
from ticketing.platform.application import Application
from ticketing.tickets.batches.batch import BatchSpec, running_batch

ACTOR = "dagster"  # the UI has no login: only the run id is known, not the user


@contextmanager
def run_batch(
    context: dg.AssetExecutionContext,
    application: Application,
    event: Event,
    *,
    notify_organiser: bool = False,
) -> Iterator[int]:
    """Yield the batch id of this run; a run that retries another uses the same batch.

    After the last step the organiser receives the result.
    """
    run = context.run
    opening = BatchSpec(
        key=f"dagster-{run.root_run_id or run.run_id}",
        by=ACTOR,
        at=datetime.now(UTC),
        options={"job": run.job_name},
        dagster_run_id=run.run_id,
        notify_organiser=notify_organiser,
    )
    with running_batch(application.database, event, opening) as batch:
        yield batch.id
