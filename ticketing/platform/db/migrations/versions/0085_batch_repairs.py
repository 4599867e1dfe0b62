"""Keep the guests of a batch, so that it can be retried, and what staff took off the list.

Revision ID: 0085_batch_repairs
Revises: 0074_router_certificates
"""

import sqlalchemy as sa
from alembic import op

revision = "0085_batch_repairs"
down_revision = "0074_router_certificates"


def upgrade() -> None:
    """Add the columns; what ended more than a week ago was not listed and is taken off the list."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("batches", sa.Column("guest_ids", sa.ARRAY(sa.BigInteger)))
    op.add_column("batches", sa.Column("dismissed_at", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE batches SET dismissed_at = now()"
        " WHERE state <> 'processing' AND started_at < now() - interval '7 days'"
    )


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("batches", "dismissed_at")
    op.drop_column("batches", "guest_ids")
