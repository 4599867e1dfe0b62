"""Let an event choose how buyers are told about their orders, and keep codes to pay with.

Revision ID: 0015_buyer_notices
Revises: 0014_gateway_calls
"""

from alembic import op
from sqlalchemy import Column, Text

revision = "0015_buyer_notices"
down_revision = "0014_gateway_calls"


def upgrade() -> None:
    """Add both columns; buyers of existing events are told by mail."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.add_column("events", Column("buyer_notices", Text, nullable=False, server_default="mail"))
    op.create_check_constraint(
        op.f("ck_events_buyer_notices"),
        "events",
        "buyer_notices IN ('mail', 'whatsapp', 'both', 'none')",
    )
    op.add_column(
        "payment_attempts", Column("payment_code", Text, nullable=False, server_default="")
    )


def downgrade() -> None:
    """Drop both columns."""
    op.drop_column("payment_attempts", "payment_code")
    op.drop_column("events", "buyer_notices")
