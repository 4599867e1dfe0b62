"""Time that is turned by hand: a day of validity passes in a test's blink."""

from datetime import datetime, timedelta


class StoppedClock:
    """A clock for a simulator; it goes on when it is told to."""

    def __init__(self, now: datetime) -> None:
        """Stand still at this moment."""
        self.now = now

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now

    def forward(self, **by: float) -> None:
        """Turn it on: `forward(hours=2)`."""
        self.now += timedelta(**by)
