"""Query of the audit log for its page, from the newest entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.operations import audit_log

PAGE = 50


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry of the audit log."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    event_slug: str | None
    items: int
    details: Mapping[str, object]


def list_entries(
    connection: Connection, *, actor: str, action: str, subject: str, before: int | None
) -> Sequence[ShownEntry]:
    """Return the entries before an id, one more than a page; empty texts are no filter."""
    table = audit_log.c
    query = (
        select(
            table.id, table.at, table.actor, table.action, table.subject,
            events.c.slug, table["items"], table.details,
        )
        .outerjoin(events, events.c.id == table.event_id)
        .order_by(table.id.desc())
        .limit(PAGE + 1)
    )  # fmt: skip
    for column, text in ((table.actor, actor), (table.action, action), (table.subject, subject)):
        if text:
            query = query.where(column.startswith(text, autoescape=True))
    if before is not None:
        query = query.where(table.id < before)
    return [ShownEntry(*row) for row in connection.execute(query)]
