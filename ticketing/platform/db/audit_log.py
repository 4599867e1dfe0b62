"""Who did what, when, and to how many. Rows are added and never changed (a trigger sees to it).

What was done for who has paid, by whom: lines of the audit log, read back for the reports.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.operations import audit_log

_INSERT_ENTRY = insert(audit_log)


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
        _INSERT_ENTRY,
        {
            "actor": actor,
            "action": action,
            "event_id": event_id,
            "subject": subject,
            "items": items,
            "details": dict(details or {}),
        },
    )


SETTLE_PAYMENTS_ACTION, FULFIL_ORDERS_ACTION = "payments.settle", "orders.serve"


PROVISION_VOUCHERS_ACTION = "vouchers.provision"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line. `counts` are how its items ended."""

    id: int
    action: str
    actor: str
    event_slug: str | None
    counts: Mapping[str, int]


def list_entries(
    connection: Connection,
    actions: Collection[str],
    *,
    after_id: int,
    excluding_actors: Collection[str],
    limit: int,
) -> list[AuditEntry]:
    """Lines of these actions with a higher number, but those of these actors, by their numbers.

    Numbers are given before they are committed: one that was passed over may still appear.
    """
    query = (
        select(
            audit_log.c.id, audit_log.c.action, audit_log.c.actor, events.c.slug,
            audit_log.c.details,
        )
        .outerjoin(events, events.c.id == audit_log.c.event_id)
        .where(
            audit_log.c.id > after_id,
            audit_log.c.action.in_(actions),
            audit_log.c.actor.not_in(excluding_actors),
        )
        .order_by(audit_log.c.id)
        .limit(limit)
    )  # fmt: skip
    return [
        AuditEntry(row.id, row.action, row.actor, row.slug, _integer_details(row.details))
        for row in connection.execute(query)
    ]


def _integer_details(details: Mapping[str, object]) -> dict[str, int]:
    """A line may also say in words what went wrong."""
    return {what: said for what, said in details.items() if isinstance(said, int)}
