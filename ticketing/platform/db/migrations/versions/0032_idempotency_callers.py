"""Let users send idempotency keys, too.

Revision ID: 0032_idempotency_callers
Revises: 0031_api_key_expiry
"""

from alembic import op

revision = "0032_idempotency_callers"
down_revision = "0031_api_key_expiry"

_UPGRADE = """
ALTER TABLE idempotency_keys ADD COLUMN caller TEXT;
UPDATE idempotency_keys SET caller = 'api:' || api_key_id;
ALTER TABLE idempotency_keys
    DROP CONSTRAINT pk_idempotency_keys,
    DROP COLUMN api_key_id,
    ALTER COLUMN caller SET NOT NULL,
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (caller, key);
"""
_DOWNGRADE = """
DELETE FROM idempotency_keys WHERE caller NOT LIKE 'api:%';
ALTER TABLE idempotency_keys ADD COLUMN api_key_id BIGINT;
UPDATE idempotency_keys SET api_key_id = substr(caller, 5)::bigint;
ALTER TABLE idempotency_keys
    DROP CONSTRAINT pk_idempotency_keys,
    DROP COLUMN caller,
    ALTER COLUMN api_key_id SET NOT NULL,
    ADD CONSTRAINT pk_idempotency_keys PRIMARY KEY (api_key_id, key),
    ADD CONSTRAINT fk_idempotency_keys_api_key_id
        FOREIGN KEY (api_key_id) REFERENCES api_keys (id);
"""


def upgrade() -> None:
    """Name the caller of each stored response."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Keep the responses of API keys only; they live for a day."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_DOWNGRADE)
