"""Time limits and retries of steps.

A step that raises `Unavailable` is retried after 10 s, 1 min and 5 min. Dagster's RetryPolicy
supports only a delay and a factor, and would also retry permanent errors; therefore each step
requests its own retry.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg

from ticket_assets import metadata as ticket_asset_metadata
from ticketing.platform.kernel.errors import Refused, Unavailable

RETRY_DELAYS_SECONDS = (10, 60, 300)
TIME_LIMIT_SECONDS = 600.0
TIME_LIMIT_DESCRIPTION = (
    "Time limit of an attempt in seconds. It stops after the current chunk, and the next attempt"
    " continues."
)
LOG_INTERVAL_SECONDS = 5.0

RunContext = dg.AssetExecutionContext | dg.OpExecutionContext


class OutOfTime(Unavailable):
    """The step exceeded its time limit; committed work stays and the next attempt continues."""


@dataclass
class Deadline:
    """Time limit of an attempt; called after each chunk, it logs progress and raises OutOfTime.

    It is checked only between committed chunks. A chunk that hangs is ended by Dagster's run
    monitoring, which limits the time of the whole run.
    """

    context: RunContext
    limit_seconds: float = TIME_LIMIT_SECONDS
    started: float = field(default_factory=time.monotonic)
    points: list[tuple[float, int]] = field(default_factory=list)  # seconds, done so far
    logged_at: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int | None) -> None:
        """Record progress; `total` is None if unknown."""
        now = time.monotonic()
        self.points.append((now - self.started, done))
        if now - self.logged_at >= LOG_INTERVAL_SECONDS:
            self.logged_at = now
            self.context.log.info("%s of %s done", done, total or "?")
        if now - self.started > self.limit_seconds and done != total:
            raise OutOfTime(
                f"stopped after {self.limit_seconds:.0f} s with {done} of {total or '?'} done;"
                " completed work is kept, and the next attempt continues"
            )

    def metadata(self, unit: str) -> ticket_asset_metadata.Metadata:
        """Return duration, rate and a progress chart; `unit` names the counted items."""
        seconds = time.monotonic() - self.started
        done = self.points[-1][1] if self.points else 0
        return {
            "seconds": round(seconds, 1),
            f"{unit} per second": round(done / seconds, 1) if seconds else 0.0,
            "progress": ticket_asset_metadata.line_chart(
                [(0, 0), *self.points], label=unit, unit="s"
            ),
        }


@contextmanager
def run_attempt(
    context: RunContext, limit_seconds: float = TIME_LIMIT_SECONDS
) -> Iterator[Deadline]:
    """Run one attempt of a step and convert our errors to Dagster failures and retries."""
    try:
        yield Deadline(context, limit_seconds)
    except Refused as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except Unavailable as error:
        if context.retry_number >= len(RETRY_DELAYS_SECONDS):
            raise dg.Failure(str(error), allow_retries=False) from error
        wait = RETRY_DELAYS_SECONDS[context.retry_number]
        context.log.warning("%s; retry in %s s", error, wait)
        raise dg.RetryRequested(
            max_retries=len(RETRY_DELAYS_SECONDS), seconds_to_wait=wait
        ) from error
