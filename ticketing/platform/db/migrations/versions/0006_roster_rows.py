"""Store the warnings of an import, the kept columns of a guest, and whether contacts are strict.

Revision ID: 0006_roster_rows
Revises: 0005_generation_durations
"""

from alembic import op

revision = "0006_roster_rows"
down_revision = "0005_generation_durations"


def upgrade() -> None:
    """Add three columns with constant defaults: no table is rewritten."""
    op.execute("ALTER TABLE events ADD COLUMN strict_contacts boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE imports ADD COLUMN warnings jsonb NOT NULL DEFAULT '{}'::jsonb")
    op.execute("ALTER TABLE guests ADD COLUMN extra jsonb NOT NULL DEFAULT '{}'::jsonb")


def downgrade() -> None:
    """Remove the three columns."""
    op.execute("ALTER TABLE guests DROP COLUMN extra")
    op.execute("ALTER TABLE imports DROP COLUMN warnings")
    op.execute("ALTER TABLE events DROP COLUMN strict_contacts")
