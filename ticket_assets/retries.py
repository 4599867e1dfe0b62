"""How long a step may take, and what is tried again.

A step whose world is not ready (`Unavailable`) waits 10 s, 1 min, 5 min, and is tried three times
more. dagster's RetryPolicy knows a delay and a factor, which cannot say this ladder, and it would
try again what cannot be helped; so each step asks for its own retry.
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
    "Seconds for one attempt: it stops after the chunk in hand, keeps what is made, and goes on"
    " from there in the next."
)
LOG_INTERVAL_SECONDS = 5.0

RunContext = dg.AssetExecutionContext | dg.OpExecutionContext


class OutOfTime(Unavailable):
    """A step had its ten minutes. What it made is kept; the next attempt goes on from there."""


@dataclass
class Deadline:
    """An attempt's clock: called between chunks, it tells the log and stops what takes too long.

    It stops only there, when the chunk is committed. What hangs inside a chunk is ended by the
    instance's run monitoring, which knows the time-out of a whole run.
    """

    context: RunContext
    limit_seconds: float = TIME_LIMIT_SECONDS
    started: float = field(default_factory=time.monotonic)
    points: list[tuple[float, int]] = field(default_factory=list)  # seconds, done so far
    logged_at: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int | None) -> None:
        """So many are done, of so many if that is known."""
        now = time.monotonic()
        self.points.append((now - self.started, done))
        if now - self.logged_at >= LOG_INTERVAL_SECONDS:
            self.logged_at = now
            self.context.log.info("%s of %s done", done, total or "?")
        if now - self.started > self.limit_seconds and done != total:
            raise OutOfTime(
                f"stopped after {self.limit_seconds:.0f} s with {done} of {total or '?'} done;"
                " what is made is kept, and the next attempt goes on from there"
            )

    def metadata(self, unit: str) -> ticket_asset_metadata.Metadata:
        """How fast it went: `made` names what was counted."""
        seconds = time.monotonic() - self.started
        done = self.points[-1][1] if self.points else 0
        return {
            "seconds": round(seconds, 1),
            f"{unit} a second": round(done / seconds, 1) if seconds else 0.0,
            "progress": ticket_asset_metadata.line_chart(
                [(0, 0), *self.points], label=unit, unit="s"
            ),
        }


@contextmanager
def run_attempt(
    context: RunContext, limit_seconds: float = TIME_LIMIT_SECONDS
) -> Iterator[Deadline]:
    """One attempt of a step; what goes wrong in it is turned into Dagster's terms."""
    try:
        yield Deadline(context, limit_seconds)
    except Refused as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    except Unavailable as error:
        if context.retry_number >= len(RETRY_DELAYS_SECONDS):
            raise dg.Failure(str(error), allow_retries=False) from error
        wait = RETRY_DELAYS_SECONDS[context.retry_number]
        context.log.warning("%s; trying again in %s s", error, wait)
        raise dg.RetryRequested(
            max_retries=len(RETRY_DELAYS_SECONDS), seconds_to_wait=wait
        ) from error
