"""Instalments: payment plans, and orders that are paid in several parts.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TIMES = ("every", "last_before", "grace")
# judged when the transaction ends: parts are written one by one
WHOLE = """
CREATE FUNCTION order_parts_are_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted bigint := coalesce(NEW.order_id, OLD.order_id);
BEGIN
    IF (SELECT total FROM orders WHERE id = wanted)
        <> (SELECT coalesce(sum(amount), 0) FROM order_parts WHERE order_id = wanted)
    THEN
        RAISE EXCEPTION 'the parts of order % are not its total together', wanted
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER order_parts_are_whole AFTER INSERT OR DELETE ON order_parts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION order_parts_are_whole();
CREATE CONSTRAINT TRIGGER changed_order_parts_are_whole AFTER UPDATE ON order_parts
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.amount <> NEW.amount OR OLD.order_id <> NEW.order_id)
    EXECUTE FUNCTION order_parts_are_whole();
"""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "payment_plans",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shares", sa.ARRAY(sa.Integer()), nullable=False),
        *(sa.Column(name, sa.Interval(), nullable=False) for name in TIMES),
        sa.Column("overdue", sa.Text(), nullable=False),
        sa.Column("tickets", sa.Text(), server_default="all", nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "overdue IN ('keep', 'refund', 'ask')", name=op.f("ck_payment_plans_overdue")
        ),
        sa.CheckConstraint("tickets IN ('all', 'first')", name=op.f("ck_payment_plans_tickets")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_payment_plans_event_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_plans")),
        sa.UniqueConstraint("event_id", "name", name=op.f("uq_payment_plans_event_id_name")),
    )
    op.add_column("orders", sa.Column("payment_plan_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_orders_payment_plan_id"), "orders", "payment_plans", ["payment_plan_id"], ["id"]
    )
    op.add_column("payment_attempts", sa.Column("part", sa.BigInteger(), nullable=True))
    op.create_table(
        "order_parts",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("paid_attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_order_parts_amount")),
        sa.CheckConstraint(
            "paid_attempt_id IS NULL OR paid_at IS NOT NULL", name=op.f("ck_order_parts_paid")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_parts_order_id")),
        sa.ForeignKeyConstraint(
            ["paid_attempt_id"],
            ["payment_attempts.id"],
            name=op.f("fk_order_parts_paid_attempt_id"),
        ),
        sa.PrimaryKeyConstraint("order_id", "number", name=op.f("pk_order_parts")),
        sa.UniqueConstraint("paid_attempt_id", name=op.f("uq_order_parts_paid_attempt_id")),
    )
    op.create_index(
        "ix_order_parts_due_at",
        "order_parts",
        ["due_at"],
        postgresql_where=sa.text("paid_at IS NULL"),
    )
    op.execute(WHOLE)


def downgrade() -> None:
    """Take back; orders paid in parts keep only their payments."""
    op.drop_table("order_parts")
    op.execute("DROP FUNCTION order_parts_are_whole()")
    op.drop_column("payment_attempts", "part")
    op.drop_constraint(op.f("fk_orders_payment_plan_id"), "orders", type_="foreignkey")
    op.drop_column("orders", "payment_plan_id")
    op.drop_table("payment_plans")
