"""Who did what, when, and to how many. Rows are added and never changed (a trigger sees to it)."""

from collections.abc import Mapping

from sqlalchemy import Connection, insert

from ticketing.store.schema import audit_log

_ADD = insert(audit_log)


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    event_id: int | None = None,
    subject: str = "",
    items: int = 0,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add one line, in the caller's transaction: the deed and its trace live or die together."""
    connection.execute(
        _ADD,
        {
            "actor": actor,
            "action": action,
            "event_id": event_id,
            "subject": subject,
            "items": items,
            "details": dict(details or {}),
        },
    )
