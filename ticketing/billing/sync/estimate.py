"""The rate of a run and the time it still takes, from recent samples of its progress. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SLICES, MIN_SAMPLES = 6, 3
FRESH_SECONDS = 10.0  # older samples say nothing about now
Sample = tuple[float, int]  # seconds since the epoch, students processed


@dataclass(frozen=True, slots=True)
class Estimate:
    """Students a second, and seconds left: expected, and between the best and worst slice.

    Seconds are None while nothing moves.
    """

    rate: float
    seconds: float | None
    fastest: float | None
    slowest: float | None


def estimate(samples: Sequence[Sample], remaining: int, *, at: float) -> Estimate | None:
    """Return the estimate; None without enough recent samples."""
    if len(samples) < MIN_SAMPLES or at - samples[-1][0] > FRESH_SECONDS:
        return None
    (begin, first), (end, last) = samples[0], samples[-1]
    if end <= begin:
        return None
    rate = (last - first) / (end - begin)
    if not rate:
        return Estimate(0.0, None, None, None)
    rates = _slice_rates(samples)
    slowest = min(rates)
    return Estimate(
        rate, remaining / rate, remaining / max(rates), remaining / slowest if slowest else None
    )


def _slice_rates(samples: Sequence[Sample]) -> list[float]:
    """Return the rates of at most six slices of equal numbers of samples."""
    size = max((len(samples) - 1) // SLICES, 1)
    marks = [*samples[: -size or None : size], samples[-1]]
    return [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, after in pairwise(marks)
        if after[0] > before[0]
    ]
