"""Count discarded PDFs, so that one with outdated data is not recorded after it was discarded.

Revision ID: 0009_document_revision
Revises: 0008_guest_attributes
"""

from alembic import op

revision = "0009_document_revision"
down_revision = "0008_guest_attributes"


def upgrade() -> None:
    """Add a column with a constant default: the table is not rewritten."""
    op.execute(
        "ALTER TABLE generated_tickets ADD COLUMN document_revision BIGINT DEFAULT 0 NOT NULL"
    )


def downgrade() -> None:
    """Remove the column."""
    op.execute("ALTER TABLE generated_tickets DROP COLUMN document_revision")
