"""Let an event require settled payments, and hold the entitlements of guests who owe.

Revision ID: 0054_payment_rules
Revises: 0051_payment_records
"""

from alembic import op

revision = "0054_payment_rules"
down_revision = "0051_payment_records"

_UPGRADE = """
ALTER TABLE events ADD payment_rule TEXT NOT NULL DEFAULT 'none';
ALTER TABLE entitlements ADD payment_hold TEXT;

-- nobody gets a ticket between the import and the first comparison with the payment records
CREATE FUNCTION hold_until_payments_match() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entitlements
    SET payment_hold = 'payments were not compared yet'
    FROM added JOIN events ON events.id = added.event_id
    WHERE entitlements.id = added.id AND events.payment_rule <> 'none' AND added.source = 'roster';
    RETURN NULL;
END $$;
CREATE TRIGGER hold_until_payments_match AFTER INSERT ON entitlements
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION hold_until_payments_match();

CREATE FUNCTION apply_payment_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE entitlements
    SET payment_hold =
        CASE WHEN NEW.payment_rule <> 'none' THEN 'payments were not compared yet' END
    WHERE event_id = NEW.id AND source = 'roster';
    RETURN NULL;
END $$;
CREATE TRIGGER apply_payment_rule AFTER UPDATE OF payment_rule ON events
    FOR EACH ROW WHEN (OLD.payment_rule IS DISTINCT FROM NEW.payment_rule)
    EXECUTE FUNCTION apply_payment_rule();
"""

_DOWNGRADE = """
DROP TRIGGER apply_payment_rule ON events;
DROP FUNCTION apply_payment_rule();
DROP TRIGGER hold_until_payments_match ON entitlements;
DROP FUNCTION hold_until_payments_match();
ALTER TABLE entitlements DROP payment_hold;
ALTER TABLE events DROP payment_rule;
"""


def upgrade() -> None:
    """Add the columns and the triggers."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Drop them; nobody is held for payments any more."""
    op.execute(_DOWNGRADE)
