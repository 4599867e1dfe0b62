"""Messages on their way, every attempt to send them, and channels that rest.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

CHANNELS = "channel IN ('whatsapp', 'mail', 'link')"
STATES = "state IN ('queued', 'claimed', 'error', 'unknown', 'sent', 'failed', 'delivered', 'read')"


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Apply."""
    op.alter_column("outbox", "sent_at", new_column_name="taken_at")
    op.create_table(
        "deliveries",
        _id(),
        sa.Column("uid", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        _number("outbox_id"),
        _number("event_id", nullable=True),
        _text("channel"),
        _text("address"),
        _text("state", "queued"),
        _count("tries"),
        _count("failures"),
        _count("resends"),
        _count("copies"),
        _instant("queued_at", nullable=False),
        _instant("next_try"),
        _instant("claimed_at"),
        _instant("ended_at"),
        _text("provider_id", ""),
        _text("last_error", ""),
        sa.CheckConstraint(CHANNELS, name=op.f("ck_deliveries_channel")),
        sa.CheckConstraint(STATES, name=op.f("ck_deliveries_state")),
        sa.CheckConstraint(
            "(state = 'claimed') = (claimed_at IS NOT NULL)", name=op.f("ck_deliveries_claimed_at")
        ),
        sa.CheckConstraint(
            "next_try IS NOT NULL OR state NOT IN ('queued', 'error')",
            name=op.f("ck_deliveries_next_try"),
        ),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_deliveries_outbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("outbox_id", "channel", name=op.f("uq_deliveries_outbox_id_channel")),
        sa.UniqueConstraint("uid", name=op.f("uq_deliveries_uid")),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["next_try", "id"],
        postgresql_where=sa.text("next_try IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_claimed",
        "deliveries",
        ["claimed_at"],
        postgresql_where=sa.text("state = 'claimed'"),
    )
    op.create_index("ix_deliveries_event_id_id", "deliveries", ["event_id", "id"])
    op.create_table(
        "delivery_logs",
        _id(),
        _number("delivery_id"),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("reference"),
        _instant("began_at", nullable=False),
        _instant("ended_at"),
        _text("state", "claimed"),
        _text("code", ""),
        _text("reason", ""),
        _text("provider_id", ""),
        sa.CheckConstraint(STATES, name=op.f("ck_delivery_logs_state")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_delivery_logs_delivery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_logs")),
        sa.UniqueConstraint(
            "delivery_id", "number", name=op.f("uq_delivery_logs_delivery_id_number")
        ),
    )
    op.create_table(
        "delivery_rests",
        _text("channel"),
        _instant("until", nullable=False),
        _text("reason"),
        sa.CheckConstraint(CHANNELS, name=op.f("ck_delivery_rests_channel")),
        sa.PrimaryKeyConstraint("channel", name=op.f("pk_delivery_rests")),
    )
    op.create_table(
        "opt_outs",
        _text("address"),
        _instant("since", nullable=False),
        sa.CheckConstraint("address = lower(address)", name=op.f("ck_opt_outs_address")),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_opt_outs")),
    )


def downgrade() -> None:
    """Take back; what was sent is forgotten, and nothing of it is sent again."""
    for table in ("opt_outs", "delivery_rests", "delivery_logs", "deliveries"):
        op.drop_table(table)
    op.alter_column("outbox", "taken_at", new_column_name="sent_at")
