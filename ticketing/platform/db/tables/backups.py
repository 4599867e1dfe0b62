"""Tables of backups and restores, and of the hosts of an installation.

May import `platform.db.columns`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Table,
    Text,
    Uuid,
    text,
    true,
)

from ticketing.platform.db.columns import (
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

# one row: which master secret this database belongs to
installation = Table(
    "installation",
    metadata,
    Column("is_only", Boolean, primary_key=True, server_default=true()),
    text_column("secret_fingerprint"),
    timestamp_column("recorded_at"),
    CheckConstraint("is_only", name="is_only"),
)

# the last start of a program on each host, so that doctor compares what hosts have to share
hosts = Table(
    "hosts",
    metadata,
    Column("name", Text, primary_key=True),
    text_column("secret_fingerprint"),
    text_column("documents_id"),  # of a file in the documents folder
    text_column("schema_revision"),  # that its program expects
    timestamp_column("seen_at"),
)

# finished backups; a file without a row is recorded by the next backup
backups = Table(
    "backups",
    metadata,
    id_column(),
    Column("uid", Uuid, nullable=False, unique=True),
    text_column("file_name"),
    text_column("host"),
    Column("size", BigInteger, nullable=False),  # bytes of the file
    timestamp_column("taken_at"),  # of the snapshot
    timestamp_column("finished_at"),
    timestamp_column("verified_at", nullable=True),
    timestamp_column("deleted_at", nullable=True),
    CheckConstraint("size > 0", name="size"),
)

# one row per restore, inserted by the transaction that restores
restores = Table(
    "restores",
    metadata,
    id_column(),
    Column("backup_uid", Uuid, nullable=False),
    timestamp_column("backup_taken_at"),
    timestamp_column("restored_at"),
    text_column("restored_by"),
    timestamp_column("reconciled_at", nullable=True),  # the gateway was asked about lost attempts
    timestamp_column("finished_at", nullable=True),  # staff decided: nothing is held back any more
    text_column("finished_by", ""),
    CheckConstraint("finished_at IS NULL OR reconciled_at IS NOT NULL", name="finished_at"),
    Index("ix_restores_unfinished", "id", postgresql_where=text("finished_at IS NULL")),
)
