"""Store requests to import an uploaded roster, and allow incidents about roster files.

Revision ID: 0003_import_requests
Revises: 0002_order_guests
"""

from alembic import op

revision = "0003_import_requests"
down_revision = "0002_order_guests"

UPGRADE = """
CREATE TABLE import_requests (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    event_id BIGINT NOT NULL,
    file_name TEXT NOT NULL,
    dry_run BOOLEAN NOT NULL,
    state TEXT DEFAULT 'queued' NOT NULL,
    claimed_by INTEGER,
    import_id BIGINT,
    result JSONB DEFAULT '{}'::jsonb NOT NULL,
    error_code TEXT DEFAULT '' NOT NULL,
    message TEXT DEFAULT '' NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at TIMESTAMPTZ NOT NULL,
    completed_at TIMESTAMPTZ,
    CONSTRAINT pk_import_requests PRIMARY KEY (id),
    CONSTRAINT ck_import_requests_state
        CHECK (state IN ('queued', 'running', 'completed', 'failed')),
    CONSTRAINT fk_import_requests_event_id FOREIGN KEY (event_id) REFERENCES events (id),
    CONSTRAINT fk_import_requests_import_id FOREIGN KEY (import_id) REFERENCES imports (id)
);
ALTER TABLE incidents DROP CONSTRAINT ck_incidents_kind;
ALTER TABLE incidents ADD CONSTRAINT ck_incidents_kind
    CHECK (kind IN ('run', 'check', 'webhook', 'channel', 'router', 'roster'));
"""
DOWNGRADE = """
DELETE FROM incidents WHERE kind = 'roster';
ALTER TABLE incidents DROP CONSTRAINT ck_incidents_kind;
ALTER TABLE incidents ADD CONSTRAINT ck_incidents_kind
    CHECK (kind IN ('run', 'check', 'webhook', 'channel', 'router'));
DROP TABLE import_requests;
"""


def upgrade() -> None:
    """Create the table and extend the constraint; existing rows satisfy it."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop the table and delete incidents about roster files."""
    op.execute(DOWNGRADE)
