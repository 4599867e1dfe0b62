"""Count how long tickets took to render, for all processes together.

Revision ID: 0005_generation_durations
Revises: 0004_ticket_templates
"""

from alembic import op

revision = "0005_generation_durations"
down_revision = "0004_ticket_templates"


def upgrade() -> None:
    """Create the table of the histogram."""
    op.execute(
        """
        CREATE TABLE ticket_generation_durations (
            le TEXT NOT NULL,
            tickets BIGINT DEFAULT 0 NOT NULL,
            seconds DOUBLE PRECISION DEFAULT '0' NOT NULL,
            CONSTRAINT pk_ticket_generation_durations PRIMARY KEY (le)
        )
        """
    )


def downgrade() -> None:
    """Drop the table."""
    op.execute("DROP TABLE ticket_generation_durations")
