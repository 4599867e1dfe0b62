"""Hotspot vouchers: routers, packages, vouchers and the story of each, kept by a trigger.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

STATES = "state IN ('owed', 'asked', 'present', 'ending', 'gone')"

# written when the transaction ends: whoever acted stands in the audit log by then
STORY = """
CREATE FUNCTION tell_voucher() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO voucher_history (voucher_id, state, why, actor)
    VALUES (
        NEW.id, NEW.state,
        CASE WHEN NEW.state IN ('ending', 'gone') THEN NEW.ending_why ELSE NEW.last_error END,
        coalesce(current_setting('ticketing.actor', true), '')
    );
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER tell_voucher_made AFTER INSERT ON vouchers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION tell_voucher();
CREATE CONSTRAINT TRIGGER tell_voucher_moved AFTER UPDATE OF state ON vouchers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION tell_voucher();
"""

# every attempt to hand a purchase's vouchers over, in the words of its log
DELIVERY_LOGS = """
CREATE VIEW voucher_delivery_logs AS
SELECT
    delivery_logs.id, orders.id AS purchase_id, deliveries.channel, deliveries.address AS phone,
    delivery_logs.state AS status, delivery_logs.reason AS error_message,
    delivery_logs.began_at AS created_at
FROM delivery_logs
JOIN deliveries ON deliveries.id = delivery_logs.delivery_id
JOIN outbox ON outbox.id = deliveries.outbox_id
JOIN orders ON orders.code = outbox.subject
WHERE outbox.purpose = 'voucher.ready'
"""


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _amount(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _text(name: str, default: str | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "routers",
        _id(),
        _text("name"),
        _text("host"),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("tls", sa.Boolean(), server_default=sa.true(), nullable=False),
        _text("authority", ""),
        _text("username"),
        sa.Column("sealed_password", sa.LargeBinary(), nullable=False),
        _amount("failures"),
        _instant("failing_since"),
        _instant("rests_until"),
        _text("last_error", ""),
        _instant("answered_at"),
        _instant("compared_at"),
        _instant("removed_at"),
        sa.CheckConstraint(
            "name ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(name) <= 63", name=op.f("ck_routers_name")
        ),
        sa.CheckConstraint(
            "(failures = 0) = (failing_since IS NULL)", name=op.f("ck_routers_failing_since")
        ),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_routers_port")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routers")),
    )
    op.create_index(
        "uq_routers_name",
        "routers",
        ["name"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "packages",
        _number("ticket_type_id"),
        _text("code"),
        _number("router_id"),
        _text("profile"),
        sa.Column("validity", sa.Interval(), nullable=False),
        _text("counting", "from_first_use"),
        sa.Column("unused_for", sa.Interval(), nullable=True),
        sa.Column("online_limit", sa.Interval(), nullable=True),
        _number("bytes_limit", nullable=True),
        sa.Column("shared_users", sa.Integer(), server_default="1", nullable=False),
        _text("prefix", ""),
        _text("alphabet"),
        sa.Column("code_length", sa.Integer(), nullable=False),
        sa.Column("password_length", sa.Integer(), nullable=True),
        _amount("made_ahead"),
        sa.CheckConstraint(
            "counting IN ('from_sale', 'from_first_use')", name=op.f("ck_packages_counting")
        ),
        sa.CheckConstraint("made_ahead >= 0", name=op.f("ck_packages_made_ahead")),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name=op.f("fk_packages_router_id")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"], ["ticket_types.id"], name=op.f("fk_packages_ticket_type_id")
        ),
        sa.PrimaryKeyConstraint("ticket_type_id", name=op.f("pk_packages")),
        sa.UniqueConstraint("code", name=op.f("uq_packages_code")),
    )
    op.create_table(
        "vouchers",
        _id(),
        _text("key"),
        _number("ticket_type_id"),
        _number("router_id"),
        _number("order_line_id", nullable=True),
        _number("number", nullable=True),
        _text("name"),
        _text("password"),
        _text("state", "owed"),
        _instant("owed_at", nullable=False),
        _instant("sold_at"),
        _instant("next_try"),
        _amount("tries"),
        _instant("gave_up_at"),
        _text("last_error", ""),
        _instant("present_at"),
        _instant("first_used_at"),
        sa.Column("online", sa.Interval(), server_default=sa.text("'0'::interval"), nullable=False),
        _amount("bytes_used"),
        _instant("ends_at"),
        _text("ending_why", ""),
        _instant("gone_at"),
        sa.CheckConstraint(
            "(ending_why = '') = (state NOT IN ('ending', 'gone'))",
            name=op.f("ck_vouchers_ending_why"),
        ),
        sa.CheckConstraint(
            "(state = 'gone') = (gone_at IS NOT NULL)", name=op.f("ck_vouchers_gone_at")
        ),
        sa.CheckConstraint(STATES, name=op.f("ck_vouchers_state")),
        sa.CheckConstraint(
            "(order_line_id IS NULL) = (number IS NULL)", name=op.f("ck_vouchers_number")
        ),
        sa.CheckConstraint(
            "(order_line_id IS NULL) = (sold_at IS NULL)", name=op.f("ck_vouchers_sold_at")
        ),
        sa.ForeignKeyConstraint(
            ["order_line_id"], ["order_lines.id"], name=op.f("fk_vouchers_order_line_id")
        ),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name=op.f("fk_vouchers_router_id")),
        sa.ForeignKeyConstraint(
            ["ticket_type_id"], ["packages.ticket_type_id"], name=op.f("fk_vouchers_ticket_type_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vouchers")),
        sa.UniqueConstraint("key", name=op.f("uq_vouchers_key")),
        sa.UniqueConstraint("name", name=op.f("uq_vouchers_name")),
        sa.UniqueConstraint(
            "order_line_id", "number", name=op.f("uq_vouchers_order_line_id_number")
        ),
    )
    op.create_index(
        "ix_vouchers_due",
        "vouchers",
        ["router_id", "next_try", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('owed', 'asked', 'ending')"),
    )
    op.create_index(
        "ix_vouchers_ends_at",
        "vouchers",
        ["ends_at"],
        unique=False,
        postgresql_where=sa.text("state = 'present'"),
    )
    op.create_index(
        "ix_vouchers_made_ahead",
        "vouchers",
        ["ticket_type_id", "id"],
        unique=False,
        postgresql_where=sa.text("order_line_id IS NULL AND state <> 'gone'"),
    )
    op.create_index("ix_vouchers_router_id_state", "vouchers", ["router_id", "state"], unique=False)
    op.create_table(
        "voucher_history",
        _id(),
        _number("voucher_id"),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        _text("state"),
        _text("why", ""),
        _text("actor", ""),
        sa.CheckConstraint(STATES, name=op.f("ck_voucher_history_state")),
        sa.ForeignKeyConstraint(
            ["voucher_id"], ["vouchers.id"], name=op.f("fk_voucher_history_voucher_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher_history")),
    )
    op.create_index("ix_voucher_history_at", "voucher_history", ["at"], unique=False)
    op.create_index(
        "ix_voucher_history_voucher_id", "voucher_history", ["voucher_id", "id"], unique=False
    )
    op.execute(STORY)
    op.execute(DELIVERY_LOGS)


def downgrade() -> None:
    """Take back; what is on the routers stays there."""
    op.execute("DROP VIEW voucher_delivery_logs")
    for table in ("voucher_history", "vouchers", "packages", "routers"):
        op.drop_table(table)
    op.execute("DROP FUNCTION tell_voucher()")
