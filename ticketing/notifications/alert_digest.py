"""What went wrong goes to the organiser as a digest: each line of the incidents is told once."""

from datetime import datetime

from ticketing.platform.db import incidents, outbox
from ticketing.platform.db.database import Database
from ticketing.platform.db.incidents import Incident

SHOWN = 20


def tell_alerts(database: Database, *, at: datetime) -> int:
    """Leave one message about all that is open and was never told; how many lines it has."""
    with database.transaction() as connection:
        lines = incidents.untold(connection, at=at)
        if lines:
            alerts = [_said(line) for line in lines[:SHOWN]]
            if len(lines) > SHOWN:
                alerts.append(f"+{len(lines) - SHOWN}: ticketing incidents")
            outbox.add(
                connection,
                event_id=None,
                purpose=outbox.ALERTS,
                subject=f"incidents {min(each.id for each in lines)}",
                recipient=outbox.ORGANISER,
                payload={"since": lines[0].first_seen_at.isoformat(), "alerts": alerts},
                revision=int(at.timestamp()),
            )
        return len(lines)


def alerts_wait(database: Database) -> bool:
    """Whether anything is open that nobody was told of."""
    with database.transaction() as connection:
        return incidents.has_untold(connection)


def _said(line: Incident) -> str:
    """On one line; a mail's list has no others."""
    message = " ".join(line.message.split())
    return f"{line.event_slug}: {message}" if line.event_slug else message
