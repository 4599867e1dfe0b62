"""Store the language in which an order was placed, for its page and its messages.

Revision ID: 0028_order_locale
Revises: 0027_box_office_orders
"""

from alembic import op

revision = "0028_order_locale"
down_revision = "0027_box_office_orders"


def upgrade() -> None:
    """Add the column; known orders have the language of their event, as before."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE orders ADD COLUMN locale TEXT DEFAULT '' NOT NULL")


def downgrade() -> None:
    """Drop it."""
    op.execute("ALTER TABLE orders DROP COLUMN locale")
