"""Queries for backups: the exported snapshot, what a backup contains, and the records of files."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from ticketing.backup.model import Backup
from ticketing.platform.db.columns import columns_of
from ticketing.platform.db.tables.backups import backups
from ticketing.platform.db.tables.events import events
from ticketing.platform.db.tables.orders import orders
from ticketing.platform.db.tables.roster import guests
from ticketing.platform.db.tables.tickets import generated_tickets
from ticketing.platform.db.tables.vouchers import vouchers

_COLUMNS = columns_of(Backup, backups)
_COUNTED = {
    "events": events, "guests": guests, "orders": orders, "tickets": generated_tickets,
    "vouchers": vouchers,
}  # fmt: skip


def export_snapshot(connection: Connection) -> str:
    """Return the id by which pg_dump joins this transaction's snapshot."""
    # the connection is idle while pg_dump works, however long that is
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    return str(connection.execute(select(func.pg_export_snapshot())).scalar_one())


def get_schema_revision(connection: Connection) -> str:
    """Return the newest migration of the database."""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def count_rows(connection: Connection) -> dict[str, int]:
    """Return the numbers of rows of the tables that people know."""
    return {
        name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for name, table in _COUNTED.items()
    }


def record_backup(connection: Connection, backup: Backup) -> bool:
    """Store the record of a finished file; False if there is one."""
    values = {name: getattr(backup, name) for name in Backup.__dataclass_fields__}
    statement = insert(backups).values(values).on_conflict_do_nothing().returning(backups.c.id)
    return connection.execute(statement).first() is not None


def mark_verified(connection: Connection, uid: UUID, *, at: datetime) -> None:
    """Record that a file was read completely."""
    connection.execute(update(backups).where(backups.c.uid == uid).values(verified_at=at))


def mark_deleted(connection: Connection, uids: Collection[UUID], *, at: datetime) -> None:
    """Record that files were deleted or are gone."""
    connection.execute(
        update(backups)
        .where(backups.c.uid.in_(uids), backups.c.deleted_at.is_(None))
        .values(deleted_at=at)
    )


def list_backups(connection: Connection) -> list[Backup]:
    """Return the records of files that were not deleted, newest first."""
    query = (
        select(*_COLUMNS)
        .where(backups.c.deleted_at.is_(None))
        .order_by(backups.c.taken_at.desc(), backups.c.id.desc())
    )
    return [Backup(**row) for row in connection.execute(query).mappings()]


def find_newest_time(connection: Connection) -> datetime | None:
    """Return when the newest backup was taken, None if there is none."""
    query = select(func.max(backups.c.taken_at)).where(backups.c.deleted_at.is_(None))
    newest: datetime | None = connection.execute(query).scalar()
    return newest
