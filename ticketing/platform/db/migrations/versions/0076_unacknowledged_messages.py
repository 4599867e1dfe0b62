"""Wait for the acknowledgement of a message that a gateway accepted.

Revision ID: 0076_unacknowledged_messages
Revises: 0076_channel_refusals
"""

import sqlalchemy as sa
from alembic import op

revision = "0076_unacknowledged_messages"
down_revision = "0076_channel_refusals"


def upgrade() -> None:
    """Add the columns; messages that were accepted before are not waited for."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("deliveries", sa.Column("acknowledge_by", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_deliveries_acknowledge_by",
        "deliveries",
        ["acknowledge_by"],
        postgresql_where=sa.text("acknowledge_by IS NOT NULL"),
    )
    op.add_column(
        "channel_circuit_breakers", sa.Column("acknowledged_at", sa.DateTime(timezone=True))
    )


def downgrade() -> None:
    """Remove the columns; nothing is waited for any more."""
    op.drop_column("channel_circuit_breakers", "acknowledged_at")
    op.drop_index("ix_deliveries_acknowledge_by", table_name="deliveries")
    op.drop_column("deliveries", "acknowledge_by")
