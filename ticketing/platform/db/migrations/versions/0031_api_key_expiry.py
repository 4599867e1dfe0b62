"""Let API keys expire, be restricted to events, and be rotated with an overlap.

Revision ID: 0031_api_key_expiry
Revises: 0030_users_and_sessions
"""

from alembic import op

revision = "0031_api_key_expiry"
down_revision = "0030_users_and_sessions"

_UPGRADE = """
ALTER TABLE api_keys
    ADD COLUMN expires_at TIMESTAMPTZ,
    ADD COLUMN last_used_at TIMESTAMPTZ,
    ADD COLUMN event_ids BIGINT[],
    ADD COLUMN previous_sha256 BYTEA,
    ADD COLUMN previous_expires_at TIMESTAMPTZ,
    ADD CONSTRAINT uq_api_keys_previous_sha256 UNIQUE (previous_sha256),
    ADD CONSTRAINT ck_api_keys_previous
        CHECK (num_nonnulls(previous_sha256, previous_expires_at) <> 1);
"""
_DOWNGRADE = """
-- the old version does not know the restriction, and would lift it
UPDATE api_keys SET revoked_at = now()
WHERE revoked_at IS NULL AND (event_ids IS NOT NULL OR expires_at IS NOT NULL);
ALTER TABLE api_keys
    DROP COLUMN expires_at,
    DROP COLUMN last_used_at,
    DROP COLUMN event_ids,
    DROP COLUMN previous_sha256,
    DROP COLUMN previous_expires_at;
"""


def upgrade() -> None:
    """Add the columns; present keys have no expiry and no restriction."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Remove the columns and revoke the keys that they restricted."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_DOWNGRADE)
