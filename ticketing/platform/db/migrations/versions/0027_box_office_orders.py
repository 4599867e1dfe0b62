"""Tell the orders of the box office from those of buyers, so that only buyers are reminded.

Revision ID: 0027_box_office_orders
Revises: 0026_outbox_order_code
"""

from alembic import op

revision = "0027_box_office_orders"
down_revision = "0026_outbox_order_code"


def upgrade() -> None:
    """Add the column; orders whose sale at the box office was recorded are marked."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE orders ADD COLUMN at_box_office BOOLEAN DEFAULT false NOT NULL")
    op.execute(
        "UPDATE orders SET at_box_office = true WHERE id IN"
        " (SELECT order_id FROM order_idempotency_keys WHERE key = 'box office')"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE orders DROP COLUMN at_box_office")
