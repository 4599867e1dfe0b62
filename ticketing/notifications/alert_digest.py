"""Digest of open incidents for the organiser; each incident is reported once."""

from datetime import datetime

from ticketing.platform.db import incidents, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident

MAX_LISTED_ALERTS = 20


def enqueue_alert_digest(database: Database, *, at: datetime) -> int:
    """Enqueue one message about all unreported open incidents; return their number."""
    with database.transaction() as connection:
        lines = incidents.claim_unreported(connection, at=at)
        if lines:
            alerts = [_format_alert(line) for line in lines[:MAX_LISTED_ALERTS]]
            if len(lines) > MAX_LISTED_ALERTS:
                alerts.append(f"+{len(lines) - MAX_LISTED_ALERTS}: ticketing incidents list")
            outbox.enqueue(
                connection,
                event_id=None,
                purpose=outbox.ALERTS,
                subject=f"incidents {min(each.id for each in lines)}",
                recipient=outbox.ORGANISER,
                payload={"since": lines[0].first_seen_at.isoformat(), "alerts": alerts},
                revision=int(at.timestamp()),
            )
        return len(lines)


def _format_alert(line: Incident) -> str:
    """Return the incident on one line, because each line of the mail's list is an item."""
    message = " ".join(line.message.split())
    return f"{line.event_slug}: {message}" if line.event_slug else message
