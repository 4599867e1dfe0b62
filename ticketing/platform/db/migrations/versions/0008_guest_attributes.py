"""Add language, sales channel and test mode of guests.

Revision ID: 0008_guest_attributes
Revises: 0007_duplicate_guests
"""

from alembic import op

revision = "0008_guest_attributes"
down_revision = "0007_duplicate_guests"

_UPGRADE = """
ALTER TABLE guests ADD COLUMN locale TEXT NOT NULL DEFAULT '';
ALTER TABLE guests ADD COLUMN sales_channel TEXT NOT NULL DEFAULT '';
ALTER TABLE guests ADD COLUMN is_test BOOLEAN NOT NULL DEFAULT false;
"""

_DOWNGRADE = """
ALTER TABLE guests DROP COLUMN locale;
ALTER TABLE guests DROP COLUMN sales_channel;
ALTER TABLE guests DROP COLUMN is_test;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop the columns."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_DOWNGRADE)
