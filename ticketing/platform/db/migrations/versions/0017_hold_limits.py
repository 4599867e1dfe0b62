"""Count unpaid places per address, and let an event set how long they are held.

Revision ID: 0017_hold_limits
Revises: 0016_contact_corrections
"""

from alembic import op

revision = "0017_hold_limits"
down_revision = "0016_contact_corrections"


def upgrade() -> None:
    """Add the columns and the index; known orders have no address."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("ALTER TABLE events ADD COLUMN hold_minutes INTEGER DEFAULT '60' NOT NULL")
    op.execute(
        "ALTER TABLE events ADD CONSTRAINT ck_events_hold_minutes"
        " CHECK (hold_minutes BETWEEN 5 AND 1440)"
    )
    op.execute("ALTER TABLE orders ADD COLUMN client_network TEXT DEFAULT '' NOT NULL")
    op.execute(
        "CREATE INDEX ix_orders_client_network ON orders (client_network)"
        " WHERE client_network <> ''"
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP INDEX ix_orders_client_network")
    op.execute("ALTER TABLE orders DROP COLUMN client_network")
    op.execute("ALTER TABLE events DROP COLUMN hold_minutes")
