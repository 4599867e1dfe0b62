"""How fast a source may be asked: shares of its limit, and the rate after refusals and quiet.

Pure rules. Even slots at 96 % of a known limit pass nearly every limiter; limiters with a sliding
window refuse above 92 % where the limit is small.
"""

from dataclasses import dataclass

SHARE, SMALL_SHARE, SMALL_LIMIT = 0.96, 0.92, 20.0
COLD_RATE, MIN_RATE, MAX_RATE = 5.0, 0.1, 2000.0
LEARN_FACTOR, LEARN_SECONDS = 1.25, 0.25
PROBE_FACTOR, PROBE_SECONDS = 1.02, 60.0
KEPT_OF_CONFIGURED, KEPT_OF_LEARNT = 0.98, SHARE
REPEATED_SECONDS = 10.0  # after the end of a block
MIN_KEPT = 0.5  # of the rate, whatever was measured
BUSY_SHARE = 0.7  # of the slots used: then more would have been
MAX_LEASE, LEASE_SECONDS = 50, 0.1


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests a second that are allowed; `is_learning` until the first refusal."""

    rate: float
    is_learning: bool
    configured_limit: float | None = None

    @property
    def ceiling(self) -> float:
        """Return the highest rate that is tried."""
        return MAX_RATE if self.configured_limit is None else safe_rate(self.configured_limit)


def safe_rate(limit: float) -> float:
    """Return the rate that passes a limiter of so many requests a second."""
    return limit * (SMALL_SHARE if limit < SMALL_LIMIT else SHARE)


def initial_pace(configured_limit: float | None) -> Pace:
    """Return the pace of a source that was never asked."""
    if configured_limit is None:
        return Pace(COLD_RATE, is_learning=True)
    return Pace(safe_rate(configured_limit), is_learning=False, configured_limit=configured_limit)


def pace_after_refusal(pace: Pace, passed_a_second: float, *, is_repeated: bool) -> Pace:
    """Return the pace after a refusal; `passed_a_second` is what went through just before.

    One refusal of a source whose limit is known may be a pause of this machine, after which slots
    were used together: only one soon after another shows that the limit is lower.
    """
    kept = KEPT_OF_LEARNT if pace.configured_limit is None else KEPT_OF_CONFIGURED
    passed = min(max(passed_a_second, MIN_KEPT * pace.rate), pace.rate)
    base = passed if pace.is_learning or is_repeated else pace.rate
    return Pace(
        max(kept * base, MIN_RATE), is_learning=False, configured_limit=pace.configured_limit
    )


def pace_after_quiet(pace: Pace, *, seconds: float, was_busy: bool) -> Pace:
    """Return the pace after so many seconds at this rate without a refusal."""
    if not was_busy:
        return pace
    if pace.is_learning and seconds >= LEARN_SECONDS:
        faster = pace.rate * LEARN_FACTOR
    elif not pace.is_learning and seconds >= PROBE_SECONDS:
        faster = pace.rate * PROBE_FACTOR
    else:
        return pace
    rate = max(min(faster, pace.ceiling), min(pace.rate, pace.ceiling))
    return Pace(rate, pace.is_learning, pace.configured_limit)
