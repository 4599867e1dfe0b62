"""Claims name their holder; deliveries store the end of a claim, as every queue does.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

HOLDERS = {
    "inbox": "claimed_by",
    "hook_calls": "claimed_by",
    "refunds": "claimed_by",
    "deliveries": "claimed_by",
    "payment_attempts": "page_claimed_by",
}


def upgrade() -> None:
    """Change the schema."""
    for table, column in HOLDERS.items():
        op.add_column(table, sa.Column(column, sa.Integer(), nullable=True))
    op.drop_constraint(op.f("ck_deliveries_claimed_at"), "deliveries")
    op.drop_index("ix_deliveries_claimed", "deliveries")
    op.alter_column("deliveries", "claimed_at", new_column_name="claimed_until")
    op.execute("UPDATE deliveries SET claimed_until = claimed_until + interval '10 minutes'")
    op.create_check_constraint(
        op.f("ck_deliveries_claimed_until"),
        "deliveries",
        "(state = 'claimed') = (claimed_until IS NOT NULL)",
    )
    op.create_index(
        "ix_deliveries_claimed",
        "deliveries",
        ["claimed_until"],
        postgresql_where=sa.text("state = 'claimed'"),
    )


def downgrade() -> None:
    """Undo the change."""
    op.drop_constraint(op.f("ck_deliveries_claimed_until"), "deliveries")
    op.drop_index("ix_deliveries_claimed", "deliveries")
    op.execute("UPDATE deliveries SET claimed_until = claimed_until - interval '10 minutes'")
    op.alter_column("deliveries", "claimed_until", new_column_name="claimed_at")
    op.create_check_constraint(
        op.f("ck_deliveries_claimed_at"),
        "deliveries",
        "(state = 'claimed') = (claimed_at IS NOT NULL)",
    )
    op.create_index(
        "ix_deliveries_claimed",
        "deliveries",
        ["claimed_at"],
        postgresql_where=sa.text("state = 'claimed'"),
    )
    for table, column in HOLDERS.items():
        op.drop_column(table, column)
