"""Correct the contact of an order, send orders to a contact again, and note opened tickets.

Revision ID: 0016_contact_corrections
Revises: 0015_buyer_notices
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Text,
    text,
)

revision = "0016_contact_corrections"
down_revision = "0015_buyer_notices"


def upgrade() -> None:
    """Create both tables, the column and the index; no ticket counts as opened before."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.create_table(
        "contact_corrections",
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False),
        Column("contact", Text, nullable=False),
        Column("requested_at", DateTime(timezone=True), nullable=False),
        Column("expires_at", DateTime(timezone=True), nullable=False),
        Column("failed_count", Integer, nullable=False, server_default="0"),
        Column("completed_at", DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_contact_corrections_order_id", "contact_corrections", ["order_id", "id"])
    op.create_index(
        "ix_contact_corrections_contact", "contact_corrections", ["contact", "requested_at"]
    )
    op.create_table(
        "order_link_requests",
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("contact_sha256", LargeBinary, nullable=False),
        Column("requested_at", DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "ix_order_link_requests_contact_sha256",
        "order_link_requests",
        ["contact_sha256", "requested_at"],
    )
    op.create_index("ix_order_link_requests_requested_at", "order_link_requests", ["requested_at"])
    op.add_column("generated_tickets", Column("opened_at", DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_orders_event_id_buyer_phone",
        "orders",
        ["event_id", "buyer_phone"],
        postgresql_where=text("buyer_phone <> ''"),
    )


def downgrade() -> None:
    """Drop what `upgrade` created."""
    op.drop_index("ix_orders_event_id_buyer_phone", "orders")
    op.drop_column("generated_tickets", "opened_at")
    op.drop_table("order_link_requests")
    op.drop_table("contact_corrections")
