"""Find the messages about an order without reading all of them.

Revision ID: 0026_outbox_order_code
Revises: 0021_campaign_rules
"""

from alembic import op

revision = "0026_outbox_order_code"
down_revision = "0025_unsettled_attempts"


def upgrade() -> None:
    """Add the index."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(
        "CREATE INDEX ix_outbox_order_code ON outbox ((payload ->> 'order'))"
        " WHERE (payload ->> 'order') IS NOT NULL"
    )


def downgrade() -> None:
    """Remove the index."""
    op.execute("DROP INDEX ix_outbox_order_code")
