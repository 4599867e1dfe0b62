"""Find the payments that may still change by indexes.

Revision ID: 0025_unsettled_attempts
Revises: 0024_flagged_attempts
"""

from alembic import op

revision = "0025_unsettled_attempts"
down_revision = "0024_flagged_attempts"

_UPGRADE = """
CREATE INDEX ix_orders_expires_at ON orders (expires_at);
CREATE INDEX ix_payment_attempts_in_progress ON payment_attempts (id)
    WHERE state IN ('pending', 'challenge', 'authorize', 'capture');
"""


def upgrade() -> None:
    """Add the indexes."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Remove the indexes."""
    op.execute("DROP INDEX ix_orders_expires_at, ix_payment_attempts_in_progress")
