"""Refunds: what goes back, by which way, how far it came; events called off.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def _amount(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _ref(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def upgrade() -> None:
    """Apply."""
    op.add_column("order_lines", _amount("returned"))
    op.create_check_constraint(
        op.f("ck_order_lines_returned"), "order_lines", "returned >= 0 AND returned <= quantity"
    )
    op.add_column("order_places", _instant("returned_at", nullable=True))
    op.add_column("payment_attempts", _text("payment_type", ""))
    op.create_table(
        "refund_rules",
        _ref("event_id"),
        _amount("fee_percent"),
        _amount("fee_each"),
        sa.CheckConstraint(
            "fee_percent BETWEEN 0 AND 100 AND fee_each >= 0", name=op.f("ck_refund_rules_fees")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_refund_rules_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_refund_rules")),
    )
    op.create_table(
        "plans",
        _text("hash"),
        _ref("event_id"),
        _ref("order_id", nullable=True),
        sa.Column("asked", postgresql.JSONB(), nullable=False),
        _text("made_by"),
        _instant("made_at"),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_plans_event_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_plans_order_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_plans")),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _ref("order_id"),
        _ref("attempt_id"),
        _ref("number"),
        _text("key"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        _text("channel"),
        _text("state", "requested"),
        _text("reason", ""),
        _text("reference", ""),
        _text("said", ""),
        _amount("elsewhere"),
        _text("requested_by"),
        _instant("requested_at"),
        _instant("claimed_until", nullable=True),
        _amount("tries"),
        _instant("ended_at", nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_refunds_amount")),
        sa.CheckConstraint(
            "channel IN ('gateway', 'manual', 'elsewhere')", name=op.f("ck_refunds_channel")
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'sent', 'done', 'manual', 'failed', 'dropped')",
            name=op.f("ck_refunds_state"),
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'dropped')) = (ended_at IS NOT NULL)", name=op.f("ck_refunds_ended")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["payment_attempts.id"], name=op.f("fk_refunds_attempt_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_refunds_order_id_number")),
        sa.UniqueConstraint("attempt_id", "key", name=op.f("uq_refunds_attempt_id_key")),
    )
    op.create_index(
        "ix_refunds_owed", "refunds", ["id"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "event_cancellations",
        _ref("event_id"),
        _text("plan_hash"),
        _text("reason"),
        _amount("fee_percent"),
        _amount("fee_each"),
        _text("began_by"),
        _instant("began_at"),
        _instant("ended_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_event_cancellations_event_id")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_cancellations")),
    )


def downgrade() -> None:
    """Take back; what is known of refunds is lost."""
    op.drop_table("event_cancellations")
    op.drop_index("ix_refunds_owed", table_name="refunds")
    op.drop_table("refunds")
    op.drop_table("plans")
    op.drop_table("refund_rules")
    op.drop_column("payment_attempts", "payment_type")
    op.drop_column("order_places", "returned_at")
    op.drop_constraint(op.f("ck_order_lines_returned"), "order_lines", type_="check")
    op.drop_column("order_lines", "returned")
