"""Selling over HTTP: the page an attempt is paid on, and the request an order was made by.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.add_column("orders", sa.Column("request_sha256", sa.LargeBinary(), nullable=True))
    for name in ("page_token", "page_url"):
        words = sa.Column(name, sa.Text(), server_default="", nullable=False)
        op.add_column("payment_attempts", words)
    for name in ("page_claimed_until", "page_closed_at"):
        instant = sa.Column(name, sa.DateTime(timezone=True), nullable=True)
        op.add_column("payment_attempts", instant)
    op.create_index(
        "ix_payment_attempts_open_page",
        "payment_attempts",
        ["order_id"],
        postgresql_where=sa.text("page_token <> '' AND page_closed_at IS NULL"),
    )


def downgrade() -> None:
    """Take back; pages that are open stay open until their time is up."""
    op.drop_index("ix_payment_attempts_open_page", table_name="payment_attempts")
    for name in ("page_closed_at", "page_claimed_until", "page_url", "page_token"):
        op.drop_column("payment_attempts", name)
    op.drop_column("orders", "request_sha256")
