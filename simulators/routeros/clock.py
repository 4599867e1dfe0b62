"""Manually advanced clock for tests."""

from datetime import datetime, timedelta


class StoppedClock:
    """Clock that changes only when it is advanced."""

    def __init__(self, now: datetime) -> None:
        """Start at this moment."""
        self.now = now

    def __call__(self) -> datetime:
        """Return the current time."""
        return self.now

    def forward(self, **by: float) -> None:
        """Advance the clock: `forward(hours=2)`."""
        self.now += timedelta(**by)
