"""Record backups, restores, the fingerprint of the master secret, and hosts.

Revision ID: 0062_backups
Revises: 0061_retention_rules
"""

from alembic import op

revision = "0062_backups"
down_revision = "0061_retention_rules"

_UPGRADE = """
CREATE TABLE installation (
    is_only BOOLEAN DEFAULT true NOT NULL,
    secret_fingerprint TEXT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_installation PRIMARY KEY (is_only),
    CONSTRAINT ck_installation_is_only CHECK (is_only)
);

CREATE TABLE hosts (
    name TEXT NOT NULL,
    secret_fingerprint TEXT NOT NULL,
    documents_id TEXT NOT NULL,
    schema_revision TEXT NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT pk_hosts PRIMARY KEY (name)
);

CREATE TABLE backups (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    uid UUID NOT NULL,
    file_name TEXT NOT NULL,
    host TEXT NOT NULL,
    size BIGINT NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL,
    verified_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    CONSTRAINT pk_backups PRIMARY KEY (id),
    CONSTRAINT uq_backups_uid UNIQUE (uid),
    CONSTRAINT ck_backups_size CHECK (size > 0)
);

CREATE TABLE restores (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    backup_uid UUID NOT NULL,
    backup_taken_at TIMESTAMPTZ NOT NULL,
    restored_at TIMESTAMPTZ NOT NULL,
    restored_by TEXT NOT NULL,
    reconciled_at TIMESTAMPTZ,
    finished_at TIMESTAMPTZ,
    finished_by TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_restores PRIMARY KEY (id),
    CONSTRAINT ck_restores_finished_at CHECK (finished_at IS NULL OR reconciled_at IS NOT NULL)
);
CREATE INDEX ix_restores_unfinished ON restores (id) WHERE finished_at IS NULL;
"""


def upgrade() -> None:
    """Add the tables; they are empty until the first backup, start or restore."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop the records; the files of backups stay."""
    op.execute("DROP TABLE restores, backups, hosts, installation")
