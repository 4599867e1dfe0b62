"""Digest of open incidents for the organiser, one line per cause; each is reported once."""

from datetime import datetime

from ticketing.platform.db import incidents, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.incident_groups import group_by_cause

MAX_LISTED_ALERTS = 20


def enqueue_alert_digest(database: Database, *, at: datetime) -> int:
    """Enqueue one message about all unreported open incidents; return their number."""
    with database.transaction() as connection:
        lines = incidents.claim_unreported(connection, at=at)
        if lines:
            groups = group_by_cause(lines)
            alerts = [group.message for group in groups[:MAX_LISTED_ALERTS]]
            if len(groups) > MAX_LISTED_ALERTS:
                alerts.append(f"+{len(groups) - MAX_LISTED_ALERTS}: ticketing incidents list")
            outbox.enqueue(
                connection,
                event_id=None,
                purpose=outbox.ALERTS,
                subject=f"incidents {min(each.id for each in lines)}",
                recipient=outbox.ORGANISER,
                payload={
                    "since": lines[0].first_seen_at.isoformat(),
                    "alerts": alerts,
                    "incidents": [each.id for each in lines],
                },
                revision=int(at.timestamp()),
            )
        return len(lines)
