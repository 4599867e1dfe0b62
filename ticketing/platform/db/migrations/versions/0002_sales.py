"""Sales: prices and stock of ticket types, orders, payments, what came in and what goes out.

Ticket types that exist are not on sale, cost nothing and have no limits, as before.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("unique_key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("(handled_at IS NULL) = (outcome = '')", name=op.f("ck_inbox_outcome")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("source", "unique_key", name=op.f("uq_inbox_source_unique_key")),
    )
    op.create_index(
        "ix_inbox_quarantined",
        "inbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("outcome = 'quarantined'"),
    )
    op.create_index(
        "ix_inbox_waiting",
        "inbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("subtotal", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("discount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("buyer_key", sa.Text(), server_default="", nullable=False),
        sa.Column("buyer_name", sa.Text(), server_default="", nullable=False),
        sa.Column("buyer_email", sa.Text(), server_default="", nullable=False),
        sa.Column("buyer_phone", sa.Text(), server_default="", nullable=False),
        sa.Column("paid_attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('pending', 'paid', 'cancelled', 'expired')", name=op.f("ck_orders_state")
        ),
        sa.CheckConstraint("octet_length(token_hash) = 32", name=op.f("ck_orders_token_hash")),
        sa.CheckConstraint(
            "total = subtotal - discount AND total >= 0", name=op.f("ck_orders_total")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_orders_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("code", name=op.f("uq_orders_code")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_orders_token_hash")),
    )
    op.create_index(
        "ix_orders_event_id_buyer_key", "orders", ["event_id", "buyer_key"], unique=False
    )
    op.create_index(
        "ix_orders_pending_expires_at",
        "orders",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column(
            "payload",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_outbox_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint(
            "purpose",
            "subject",
            "recipient",
            "revision",
            name=op.f("uq_outbox_purpose_subject_recipient_revision"),
        ),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["id"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
    )
    op.create_table(
        "order_effects",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_order_effects_order_id")
        ),
        sa.PrimaryKeyConstraint("order_id", "effect", name=op.f("pk_order_effects")),
    )
    op.create_table(
        "order_flags",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("flag", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_flags_order_id")),
        sa.PrimaryKeyConstraint("order_id", "flag", name=op.f("pk_order_flags")),
    )
    op.create_index(
        "ix_order_flags_open",
        "order_flags",
        ["raised_at"],
        unique=False,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "order_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("ticket_type_id", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("price >= 0", name=op.f("ck_order_lines_price")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_lines_quantity")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"], ["ticket_types.id"], name=op.f("fk_order_lines_ticket_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
        sa.UniqueConstraint(
            "order_id", "ticket_type_id", name=op.f("uq_order_lines_order_id_ticket_type_id")
        ),
    )
    op.create_index(
        "ix_order_lines_ticket_type_id", "order_lines", ["ticket_type_id"], unique=False
    )
    op.create_table(
        "payment_attempts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="created", nullable=False),
        sa.Column("amount", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("refunded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("transaction_id", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("refunded >= 0", name=op.f("ck_payment_attempts_refunded")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_payment_attempts_order_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempts")),
        sa.UniqueConstraint("key", name=op.f("uq_payment_attempts_key")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_payment_attempts_order_id_number")),
    )
    op.create_index(
        "ix_payment_attempts_transaction_id",
        "payment_attempts",
        ["transaction_id"],
        unique=False,
        postgresql_where=sa.text("transaction_id <> ''"),
    )
    op.create_table(
        "promos",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ticket_type_id", sa.BigInteger(), nullable=True),
        sa.Column("max_uses", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("kind IN ('percent', 'fixed')", name=op.f("ck_promos_kind")),
        sa.CheckConstraint(
            "value > 0 AND (kind = 'fixed' OR value <= 100)", name=op.f("ck_promos_value")
        ),
        sa.CheckConstraint("used >= 0 AND used <= max_uses", name=op.f("ck_promos_used")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f("fk_promos_event_id")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"], ["ticket_types.id"], name=op.f("fk_promos_ticket_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promos")),
        sa.UniqueConstraint("event_id", "code", name=op.f("uq_promos_event_id_code")),
    )
    op.create_table(
        "order_places",
        sa.Column("order_line_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("attendee_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attendee_id"], ["attendees.id"], name=op.f("fk_order_places_attendee_id")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_order_places_order_line_id")
        ),
        sa.PrimaryKeyConstraint("order_line_id", "number", name=op.f("pk_order_places")),
        sa.UniqueConstraint("attendee_id", name=op.f("uq_order_places_attendee_id")),
    )
    op.create_table(
        "promo_redemptions",
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("promo_id", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("fk_promo_redemptions_order_id")
        ),
        sa.ForeignKeyConstraint(
            ["promo_id"], ["promos.id"], name=op.f("fk_promo_redemptions_promo_id")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_promo_redemptions")),
    )
    op.create_index(
        "ix_promo_redemptions_promo_id", "promo_redemptions", ["promo_id"], unique=False
    )
    op.add_column(
        "ticket_types",
        sa.Column("on_sale", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.add_column(
        "ticket_types", sa.Column("price", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("ticket_types", sa.Column("capacity", sa.BigInteger(), nullable=True))
    op.add_column("ticket_types", sa.Column("max_per_order", sa.BigInteger(), nullable=True))
    op.add_column("ticket_types", sa.Column("max_per_buyer", sa.BigInteger(), nullable=True))
    op.add_column(
        "ticket_types", sa.Column("pending", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column(
        "ticket_types", sa.Column("sold", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_ticket_types_stock"),
        "ticket_types",
        "price >= 0 AND pending >= 0 AND sold >= 0 AND pending + sold <= capacity",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_constraint(op.f("ck_ticket_types_stock"), "ticket_types", type_="check")
    op.drop_column("ticket_types", "sold")
    op.drop_column("ticket_types", "pending")
    op.drop_column("ticket_types", "max_per_buyer")
    op.drop_column("ticket_types", "max_per_order")
    op.drop_column("ticket_types", "capacity")
    op.drop_column("ticket_types", "price")
    op.drop_column("ticket_types", "on_sale")
    op.drop_index("ix_promo_redemptions_promo_id", table_name="promo_redemptions")
    op.drop_table("promo_redemptions")
    op.drop_table("order_places")
    op.drop_table("promos")
    op.drop_index(
        "ix_payment_attempts_transaction_id",
        table_name="payment_attempts",
        postgresql_where=sa.text("transaction_id <> ''"),
    )
    op.drop_table("payment_attempts")
    op.drop_index("ix_order_lines_ticket_type_id", table_name="order_lines")
    op.drop_table("order_lines")
    op.drop_index(
        "ix_order_flags_open",
        table_name="order_flags",
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.drop_table("order_flags")
    op.drop_table("order_effects")
    op.drop_index(
        "ix_outbox_waiting", table_name="outbox", postgresql_where=sa.text("sent_at IS NULL")
    )
    op.drop_table("outbox")
    op.drop_index(
        "ix_orders_pending_expires_at",
        table_name="orders",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.drop_index("ix_orders_event_id_buyer_key", table_name="orders")
    op.drop_table("orders")
    op.drop_index(
        "ix_inbox_waiting", table_name="inbox", postgresql_where=sa.text("handled_at IS NULL")
    )
    op.drop_index(
        "ix_inbox_quarantined",
        table_name="inbox",
        postgresql_where=sa.text("outcome = 'quarantined'"),
    )
    op.drop_table("inbox")
