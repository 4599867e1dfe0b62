"""The progress of a sync as JSON, the same for the HTTP API, the stream and the command line."""

from typing import Any

from ticketing.billing.sync.log_messages import log_text
from ticketing.billing.sync.progress import SyncProgress


def progress_to_json(progress: SyncProgress, language: str) -> dict[str, Any]:
    """Return the progress with log messages in a language; times are ISO 8601 in UTC."""
    run, expected = progress.run, progress.estimate
    return {
        "status": progress.status,
        "total": run.total if run else 0,
        "processed": run.processed if run else 0,
        "succeeded": run.succeeded if run else 0,
        "failed": run.failed if run else 0,
        "percent": progress.percent,
        "startedAt": run.started_at.isoformat() if run else None,
        "etaSeconds": _whole(expected.seconds if expected else None),
        "ratePerSecond": round(expected.rate, 1) if expected else None,
        "log": [
            {"at": line.at.isoformat(), "level": line.level, "message": log_text(line, language)}
            for line in progress.log
        ],
        "etaFastestSeconds": _whole(expected.fastest if expected else None),
        "etaSlowestSeconds": _whole(expected.slowest if expected else None),
        "runId": run.id if run else None,
        "source": progress.source,
        "unchanged": run.unchanged if run else 0,
        "finishedAt": run.finished_at.isoformat() if run and run.finished_at else None,
        "isWaiting": progress.is_waiting,
        "isListing": progress.is_running and run is not None and run.listed_at is None,
        "canResume": progress.can_resume,
        "hasHeld": progress.has_held,
    }


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
