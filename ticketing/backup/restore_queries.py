"""Queries for restores: whether a database is empty, what follows a dump, and open restores."""

from datetime import datetime
from uuid import UUID

from psycopg.sql import SQL, Literal
from sqlalchemy import Connection, func, select, text, update

from ticketing.backup.model import Restore
from ticketing.platform.db import audit_log
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.inbox import InboxOutcome
from ticketing.platform.db.tables.backups import restores
from ticketing.platform.db.tables.inbound_webhooks import inbound_webhooks
from ticketing.platform.db.tables.payments import payment_attempts
from ticketing.platform.kernel.errors import Conflict

_COLUMNS = columns_of(Restore, restores)
RESTORE_ACTION, FINISH_ACTION = "backups.restore", "backups.finish_restore"
# the number of an event is printed in tokens and has 32 bits; other ids have 63
_EVENT_GAP, _GAP = 1_000, 1_000_000

_AFTER_DUMP = SQL("""
SET search_path = public;
INSERT INTO restores (backup_uid, backup_taken_at, restored_at, restored_by)
    VALUES ({uid}, {taken_at}, {at}, {by});
INSERT INTO audit_log (actor, action, subject, items) VALUES ({by}, {action}, {uid}, 1);
-- ids used after the backup are never used again: tokens, webhooks and cursors name them
SELECT setval(
    format('%I.%I', schemaname, sequencename)::regclass,
    least(max_value, coalesce(last_value, 0)
        + CASE sequencename WHEN 'events_id_seq' THEN {event_gap} ELSE {gap} END)
) FROM pg_sequences WHERE schemaname = 'public';
-- who was signed out or disabled since would be in again
DELETE FROM sessions;
-- a pooled voucher may have been sold since; its row stays on the router
UPDATE vouchers
    SET state = 'removed', revoked_reason = 'restored', removed_at = {at}, next_attempt_at = NULL
    WHERE order_line_id IS NULL AND state <> 'removed';
-- what waited in the backup may have been sent since
INSERT INTO channel_circuit_breakers (channel, paused_until, reason, stopped_at)
    SELECT channel, {at}, {reason}, {at} FROM unnest(ARRAY['mail', 'whatsapp']) AS channel
    ON CONFLICT (channel) DO UPDATE SET reason = excluded.reason, stopped_at = excluded.stopped_at;
""")


def sql_after_dump(uid: UUID, *, taken_at: datetime, at: datetime, by: str) -> bytes:
    """Return the SQL that ends the transaction of a restore: the marker, and what it entails."""
    return _AFTER_DUMP.format(
        uid=Literal(str(uid)),
        taken_at=Literal(taken_at.isoformat()),
        at=Literal(at.isoformat()),
        by=Literal(by),
        action=Literal(RESTORE_ACTION),
        event_gap=Literal(_EVENT_GAP),
        gap=Literal(_GAP),
        reason=Literal("restored from a backup: messages that wait may have been sent since"),
    ).as_bytes()


def list_tables(connection: Connection) -> list[str]:
    """Return the names of all tables, in any schema of a user."""
    query = text(
        "SELECT tablename FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY tablename"
    )
    return list(connection.execute(query).scalars())


def find_latest(connection: Connection) -> Restore | None:
    """Return the latest restore of this database, None if it was never restored."""
    query = select(*_COLUMNS).order_by(restores.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else Restore(**row)


def find_unfinished(connection: Connection) -> Restore | None:
    """Return the restore that still holds something back, or None."""
    found = find_latest(connection)
    return None if found is None or found.finished_at else found


def is_unfinished(connection: Connection) -> bool:
    """Return whether staff have still to decide after a restore."""
    return find_unfinished(connection) is not None


def is_unreconciled(connection: Connection) -> bool:
    """Return whether the gateway has still to be asked about attempts made after the backup."""
    found = find_unfinished(connection)
    return found is not None and found.reconciled_at is None


def describe_hold(connection: Connection) -> str:
    """Return what an open restore holds back and how to end it, empty without one."""
    found = find_unfinished(connection)
    if found is None:
        return ""
    if found.reconciled_at is None:
        return (
            "Restored from a backup: orders do not expire, and refunds and sending rules wait."
            " First `ticketing payments reconcile`, then `ticketing restore --status`."
        )
    return (
        "Restored from a backup: refunds and sending rules wait. See `ticketing restore --status`."
    )


def mark_reconciled(connection: Connection, *, at: datetime) -> None:
    """Record that the gateway has answered about everything that can be asked."""
    connection.execute(
        update(restores).where(restores.c.reconciled_at.is_(None)).values(reconciled_at=at)
    )


def finish(connection: Connection, *, at: datetime, by: str) -> Restore:
    """End what a restore holds back. Raises Conflict without one, or before the reconciliation."""
    found = find_unfinished(connection)
    if found is None:
        raise Conflict("no restore is open: nothing is held back")
    if found.reconciled_at is None:
        raise Conflict(
            "the gateway was not asked yet about payments made after the backup:"
            " run `ticketing payments reconcile`, then finish"
        )
    connection.execute(
        update(restores).where(restores.c.id == found.id).values(finished_at=at, finished_by=by)
    )
    audit_log.record(connection, by, FINISH_ACTION, subject=str(found.backup_uid), items=1)
    return found


def list_unknown_payments(connection: Connection, *, since: datetime) -> list[str]:
    """Return the order ids at the gateway of stored notifications that no attempt has."""
    known = select(payment_attempts.c.id).where(
        payment_attempts.c.key == inbound_webhooks.c.external_reference
    )
    query = (
        select(inbound_webhooks.c.external_reference)
        .where(
            inbound_webhooks.c.received_at >= since,
            inbound_webhooks.c.outcome == InboxOutcome.QUARANTINED,
            ~known.exists(),
        )
        .group_by(inbound_webhooks.c.external_reference)
        .order_by(func.min(inbound_webhooks.c.id))
    )
    return list(connection.execute(query).scalars())
