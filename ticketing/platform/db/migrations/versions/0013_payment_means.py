"""Distinguish payments at the box office from those through the gateway.

Revision ID: 0013_payment_means
Revises: 0012_accepted_differences
"""

from alembic import op

revision = "0013_payment_means"
down_revision = "0012_accepted_differences"


def upgrade() -> None:
    """Add the column; all earlier payments came through the gateway."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE payment_attempts ADD COLUMN means TEXT NOT NULL DEFAULT 'gateway'")
    op.execute(
        "ALTER TABLE payment_attempts ADD CONSTRAINT ck_payment_attempts_means"
        " CHECK (means IN ('gateway', 'cash', 'transfer', 'complimentary'))"
    )


def downgrade() -> None:
    """Refuse: payments at the box office would be asked about at the gateway."""
    raise NotImplementedError("the means of payments would be lost; restore a backup")
