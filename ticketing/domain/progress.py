"""When a batch under way will be done, as far as anybody can tell."""

from datetime import datetime, timedelta

USUAL_SECONDS_A_TICKET = 0.05  # one core prints about twenty a second


def estimated_completion(
    *, started_at: datetime, at: datetime, processed: int, total: int
) -> datetime:
    """At the pace so far; before there is one, at the usual pace."""
    left = max(0, total - processed)
    if processed <= 0:
        return at + timedelta(seconds=left * USUAL_SECONDS_A_TICKET)
    return at + (at - started_at) / processed * left
