"""Remember that a provider refused a channel, until a message is accepted again.

Revision ID: 0076_channel_refusals
Revises: 0069_arrears_of_syncs
"""

import sqlalchemy as sa
from alembic import op

revision = "0076_channel_refusals"
down_revision = "0069_arrears_of_syncs"


def upgrade() -> None:
    """Add the columns; no channel is refused at first."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("channel_circuit_breakers", sa.Column("refused_at", sa.DateTime(timezone=True)))
    op.add_column(
        "channel_circuit_breakers",
        sa.Column("refused_by", sa.Text(), nullable=False, server_default=""),
    )


def downgrade() -> None:
    """Remove the columns; a refused channel is paused for at most ten minutes more."""
    op.drop_column("channel_circuit_breakers", "refused_by")
    op.drop_column("channel_circuit_breakers", "refused_at")
