"""The audit log: append entries, and read back what was done outside Dagster for its assets.

A trigger refuses to change or delete entries, but for texts that an erasure removes.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.operations import audit_log

_INSERT_ENTRY = insert(audit_log)


def record(
    connection: Connection,
    actor: str,
    action: str,
    *,
    event_id: int | None = None,
    subject: str = "",
    items: int = 0,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add an entry in the caller's transaction, so that it is stored together with the change."""
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


SETTLE_PAYMENTS_ACTION, RECONCILE_PAYMENTS_ACTION = "payments.settle", "payments.reconcile"
GENERATE_TICKETS_ACTION, REISSUE_TICKETS_ACTION = "tickets.generate", "tickets.reissue"
REVOKE_TICKETS_ACTION, CANCEL_EVENT_ACTION = "tickets.revoke", "events.cancel"
REMOVE_DOCUMENTS_ACTION = "documents.remove"
IMPORT_ROSTER_ACTION = "import roster"
UPDATE_GUEST_ACTION, CONFIRM_GUEST_ACTION = "guests.update", "guests.confirm"
MERGE_GUESTS_ACTION = "guests.merge"
PROVISION_VOUCHERS_ACTION = "vouchers.provision"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit log. `counts` are its integer details and its items, by name."""

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
    """Return entries after an id for these actions, excluding actors, ordered by id.

    Ids are assigned before the commit: an entry with a lower id may still appear later.
    """
    query = (
        select(
            audit_log.c.id, audit_log.c.action, audit_log.c.actor, events.c.slug,
            audit_log.c.details, audit_log.c["items"],
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
        AuditEntry(
            row.id,
            row.action,
            row.actor,
            row.slug,
            {**_integer_details(row.details), "items": row[-1]},
        )
        for row in connection.execute(query)
    ]


def _integer_details(details: Mapping[str, object]) -> dict[str, int]:
    """Return the integer details; an entry may also have texts about what went wrong."""
    return {name: value for name, value in details.items() if isinstance(value, int)}
