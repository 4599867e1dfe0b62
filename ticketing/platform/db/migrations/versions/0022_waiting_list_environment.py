"""Record on each entry of a waiting list the payment environment in which it was made.

Entries from before are assigned by the order of their newest offer; those without one by the
environment in which this migration runs. Switch the environment after the migration, not before.

Revision ID: 0022_waiting_list_environment
Revises: 0028_order_locale
"""

from alembic import op

revision = "0022_waiting_list_environment"
down_revision = "0021_campaign_rules"

COLUMN = """
ALTER TABLE waiting_list_entries
    ADD COLUMN environment TEXT NOT NULL DEFAULT
        coalesce(nullif(current_setting('ticketing.payment_environment', true), ''), 'simulator'),
    ADD CONSTRAINT ck_waiting_list_entries_environment
        CHECK (environment IN ('simulator', 'sandbox', 'production'));
"""
EXISTING_ENTRIES = """
UPDATE waiting_list_entries SET environment = orders.environment
    FROM orders
    WHERE orders.id = order_id AND orders.environment <> waiting_list_entries.environment;
"""
# whoever rehearsed can join the real list, too
ONCE_PER_CONTACT = """
ALTER TABLE waiting_list_entries
    DROP CONSTRAINT uq_waiting_list_entries_ticket_type_id_buyer_key,
    ADD CONSTRAINT uq_waiting_list_entries_ticket_type_id_buyer_key_environment
        UNIQUE (ticket_type_id, buyer_key, environment);
"""


def upgrade() -> None:
    """Add the column, assign the existing entries, and let a contact join once per environment."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    for step in (COLUMN, EXISTING_ENTRIES, ONCE_PER_CONTACT):
        op.execute(step)


def downgrade() -> None:
    """Refuse: afterwards entries of a rehearsal would be offered real places."""
    raise NotImplementedError("restore a backup instead: rehearsals would pass for real")
