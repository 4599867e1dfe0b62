"""Book payments of another amount than requested, and the differences that staff accept.

Revision ID: 0012_accepted_differences
Revises: 0011_voucher_names
"""

from alembic import op

revision = "0012_accepted_differences"
down_revision = "0011_voucher_names"

_UPGRADE = """
ALTER TABLE payment_attempts ADD COLUMN requested_amount BIGINT;
ALTER TABLE orders ADD COLUMN accepted_difference BIGINT NOT NULL DEFAULT 0;

CREATE OR REPLACE FUNCTION order_value(orders) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN $1.state IN ('pending', 'paid') THEN $1.total + $1.accepted_difference
        ELSE 0 END
$$;

CREATE OR REPLACE FUNCTION record_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := 'order.repriced';
    happened_at timestamptz := now();
    value_before bigint := 0;
BEGIN
    IF TG_OP = 'INSERT' THEN
        kind := 'order.placed';
        happened_at := NEW.created_at;
    ELSE
        value_before := order_value(OLD);
        IF NEW.state <> OLD.state THEN
            kind := 'order.' || NEW.state;
            happened_at := CASE WHEN NEW.state = 'paid' THEN NEW.paid_at ELSE NEW.closed_at END;
        ELSIF NEW.accepted_difference <> OLD.accepted_difference THEN
            kind := CASE WHEN NEW.accepted_difference > OLD.accepted_difference
                THEN 'order.surplus' ELSE 'order.shortfall' END;
        END IF;
    END IF;
    PERFORM add_ledger_entry(
        kind, NEW.event_id, NEW.id, NULL, coalesce(happened_at, now()), NEW.code,
        order_value(NEW) - value_before, 0,
        jsonb_build_object('total', NEW.total, 'discount', NEW.discount)
    );
    RETURN NULL;
END
$$;

DROP TRIGGER record_changed_order ON orders;
CREATE CONSTRAINT TRIGGER record_changed_order AFTER UPDATE ON orders
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        OLD.state <> NEW.state OR OLD.total <> NEW.total
        OR OLD.accepted_difference <> NEW.accepted_difference
    )
    EXECUTE FUNCTION record_order();
"""


def upgrade() -> None:
    """Add the columns, and count accepted differences in the value of an order."""
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_UPGRADE)


def downgrade() -> None:
    """Refuse: the ledger has entries of kinds that the previous version does not know."""
    raise NotImplementedError("accepted differences would be lost; restore a backup")
