"""Record on each order the payment environment in which it was placed.

Orders from before are assigned by the host of their checkout sessions; those without one by the
environment in which this migration runs. Switch the environment after the migration, not before.

Revision ID: 0018_order_environment
Revises: 0017_hold_limits
"""

from alembic import op

revision = "0018_order_environment"
down_revision = "0017_hold_limits"

COLUMN = """
ALTER TABLE orders
    ADD COLUMN environment TEXT NOT NULL DEFAULT
        coalesce(nullif(current_setting('ticketing.payment_environment', true), ''), 'simulator'),
    ADD CONSTRAINT ck_orders_environment
        CHECK (environment IN ('simulator', 'sandbox', 'production'));
"""
# the newest session decides: an order whose environment was switched is paid there
EXISTING_ORDERS = """
UPDATE orders SET environment = known.environment
    FROM (
        SELECT DISTINCT ON (order_id) order_id,
            CASE
                WHEN checkout_url ~ '^https://app\\.midtrans\\.com/' THEN 'production'
                WHEN checkout_url ~ '^https://app\\.sandbox\\.midtrans\\.com/' THEN 'sandbox'
                ELSE 'simulator'
            END AS environment
        FROM payment_attempts
        WHERE checkout_url <> ''
        ORDER BY order_id, number DESC
    ) AS known
    WHERE orders.id = known.order_id AND orders.environment <> known.environment;
"""
# the orders to clear before an event goes live; empty in production
INDEX = """
CREATE INDEX ix_orders_rehearsal ON orders (event_id, id) WHERE environment <> 'production';
"""
# an entry about another environment is no news to other programs: a cleared rehearsal in production
WEBHOOKS = """
CREATE OR REPLACE FUNCTION enqueue_webhook_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_calls (endpoint_id, entry_id, next_attempt_at)
    SELECT id, NEW.id, NEW.at FROM webhook_endpoints
    WHERE NEW.kind = ANY (kinds) AND (event_id IS NULL OR event_id = NEW.event_id)
        AND disabled_at IS NULL AND removed_at IS NULL
        AND EXISTS (
            SELECT FROM orders WHERE orders.id = NEW.order_id AND environment = coalesce(
                nullif(current_setting('ticketing.payment_environment', true), ''), 'simulator'
            )
        );
    RETURN NULL;
END
$$;
"""


def upgrade() -> None:
    """Add the column, assign the existing orders, index the rehearsals, and skip their calls."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    for step in (COLUMN, EXISTING_ORDERS, INDEX, WEBHOOKS):
        op.execute(step)


def downgrade() -> None:
    """Refuse: afterwards nobody could tell a rehearsal from a sale."""
    raise NotImplementedError("restore a backup instead: rehearsals would pass for sales")
