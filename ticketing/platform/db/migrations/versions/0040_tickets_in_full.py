"""Count which tickets were rendered in full instead of being stamped.

Revision ID: 0040_tickets_in_full
Revises: 0032_idempotency_callers
"""

from alembic import op

revision = "0040_tickets_in_full"
down_revision = "0032_idempotency_callers"


def upgrade() -> None:
    """Add the count; nothing is known of earlier tickets."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(
        "ALTER TABLE ticket_generation_durations ADD COLUMN in_full BIGINT DEFAULT 0 NOT NULL"
    )


def downgrade() -> None:
    """Drop the count."""
    op.execute("ALTER TABLE ticket_generation_durations DROP COLUMN in_full")
