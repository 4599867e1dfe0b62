"""Find the notifications about a payment attempt without reading all of them.

Revision ID: 0010_notifications_by_reference
Revises: 0009_document_revision
"""

from alembic import op

revision = "0010_notifications_by_reference"
down_revision = "0009_document_revision"


def upgrade() -> None:
    """Add the index."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.create_index(
        "ix_inbound_webhooks_external_reference", "inbound_webhooks", ["external_reference"]
    )


def downgrade() -> None:
    """Remove the index."""
    op.drop_index("ix_inbound_webhooks_external_reference", "inbound_webhooks")
