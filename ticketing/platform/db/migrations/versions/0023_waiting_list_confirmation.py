"""Store when a contact confirmed its waiting entry, and the network that a waiting entry came from.

Nobody confirmed the entries from before: their links show the button, and staff can make offers.

Revision ID: 0023_waiting_list_confirmation
Revises: 0022_waiting_list_environment
"""

from alembic import op

revision = "0023_waiting_list_confirmation"
down_revision = "0022_waiting_list_environment"

_UPGRADE = """
ALTER TABLE waiting_list_entries
    ADD COLUMN confirmed_at TIMESTAMPTZ,
    ADD COLUMN client_network TEXT DEFAULT '' NOT NULL;
"""


def upgrade() -> None:
    """Add the columns."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Forget the confirmations."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(
        "ALTER TABLE waiting_list_entries DROP COLUMN confirmed_at, DROP COLUMN client_network"
    )
