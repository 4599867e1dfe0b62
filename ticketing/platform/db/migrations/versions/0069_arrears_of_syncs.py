"""Keep what students owed after each sync, for the trend.

Revision ID: 0069_arrears_of_syncs
Revises: 0069_bank_statements
"""

from alembic import op

revision = "0069_arrears_of_syncs"
down_revision = "0069_bank_statements"


def upgrade() -> None:
    """Add the sum; it is NULL for earlier runs and for those that did not complete."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE sync_runs ADD COLUMN arrears NUMERIC")


def downgrade() -> None:
    """Drop the sum."""
    op.execute("ALTER TABLE sync_runs DROP COLUMN arrears")
