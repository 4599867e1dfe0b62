"""Two channels: what may wait for others, reports of what became of messages, channels stopped.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

DUE = sa.text("next_try IS NOT NULL")
KINDS = "kind IN ('run', 'check', 'hook', 'channel', 'router')"
KINDS_BEFORE = "kind IN ('run', 'check', 'hook')"
# whoever waits to be sent keeps the place it had: behind everybody else
BULK = """
UPDATE deliveries SET is_bulk = true FROM outbox
WHERE outbox.id = deliveries.outbox_id AND outbox.purpose = 'ticket.ready'
    AND deliveries.next_try IS NOT NULL
"""


def _instant(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def _text(name: str, default: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "deliveries", sa.Column("is_bulk", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.execute(BULK)
    op.add_column("deliveries", _instant("aborted_at"))
    op.drop_index("ix_deliveries_due", "deliveries")
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["channel", "is_bulk", "next_try", "id"],
        postgresql_where=DUE,
    )
    op.add_column("delivery_logs", _text("channel", "mail"))  # nothing else was sent by until now
    op.alter_column("delivery_logs", "channel", server_default=None)
    op.add_column("delivery_logs", _text("concerns", ""))
    op.add_column("delivery_logs", _text("alias", ""))
    for name in ("provider_id", "alias"):
        op.create_index(
            f"ix_delivery_logs_{name}",
            "delivery_logs",
            [name],
            postgresql_where=sa.text(f"{name} <> ''"),
        )
    op.create_index("ix_delivery_logs_channel_began_at", "delivery_logs", ["channel", "began_at"])
    op.add_column("delivery_rests", _instant("stopped_at"))
    op.add_column("delivery_rests", _instant("resumed_at"))
    op.add_column("incidents", _instant("told_at"))
    op.drop_constraint(op.f("ck_incidents_kind"), "incidents")
    op.create_check_constraint(op.f("ck_incidents_kind"), "incidents", KINDS)


def downgrade() -> None:
    """Take back; a channel that was stopped goes on."""
    op.execute("DELETE FROM incidents WHERE kind NOT IN ('run', 'check', 'hook')")
    op.drop_constraint(op.f("ck_incidents_kind"), "incidents")
    op.create_check_constraint(op.f("ck_incidents_kind"), "incidents", KINDS_BEFORE)
    op.drop_column("incidents", "told_at")
    for name in ("resumed_at", "stopped_at"):
        op.drop_column("delivery_rests", name)
    for name in ("alias", "concerns", "channel"):
        op.drop_column("delivery_logs", name)
    for name in ("aborted_at", "is_bulk"):
        op.drop_column("deliveries", name)
    op.create_index("ix_deliveries_due", "deliveries", ["next_try", "id"], postgresql_where=DUE)
