"""Tables of refunds: fees, refunds and cancelled events."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Table, UniqueConstraint, text

from ticketing.platform.db.columns import (
    bigint_column,
    foreign_key_column,
    holder_column,
    id_column,
    metadata,
    primary_foreign_key_column,
    text_column,
    timestamp_column,
)

refund_rules = Table(
    "refund_rules",
    metadata,
    primary_foreign_key_column("event_id", "events.id"),
    bigint_column("fee_percent"),  # of the price of a position, retained
    bigint_column("fee_each"),  # rupiah per position, retained
    CheckConstraint("fee_percent BETWEEN 0 AND 100 AND fee_each >= 0", name="fees"),
)

refunds = Table(
    "refunds",
    metadata,
    id_column(),
    foreign_key_column("order_id", "orders.id"),
    foreign_key_column("attempt_id", "payment_attempts.id"),
    Column("number", BigInteger, nullable=False),
    text_column("key"),  # refund_key at the gateway, which moves money once per key
    Column("amount", BigInteger, nullable=False),
    text_column("channel"),  # gateway | manual | external
    text_column("state", "requested"),
    text_column("reason", ""),
    text_column("reference", ""),  # of a manual transfer
    text_column("gateway_message", ""),  # the reason for a failure or a delay
    # rupiah refunded without us when this refund was decided; more of it later needs a review
    bigint_column("refunded_externally"),
    text_column("requested_by"),
    timestamp_column("requested_at"),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    bigint_column("attempt_count"),
    timestamp_column("completed_at", nullable=True),
    UniqueConstraint("order_id", "number"),
    UniqueConstraint("attempt_id", "key"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("channel IN ('gateway', 'manual', 'external')", name="channel"),
    CheckConstraint(
        "state IN ('requested', 'sent', 'done', 'manual', 'failed', 'cancelled')", name="state"
    ),
    CheckConstraint(
        "(state IN ('done', 'cancelled')) = (completed_at IS NOT NULL)", name="completed_at"
    ),
    Index("ix_refunds_open", "id", postgresql_where=text("completed_at IS NULL")),
)

event_cancellations = Table(
    "event_cancellations",
    metadata,
    primary_foreign_key_column("event_id", "events.id"),
    text_column("plan_hash"),
    text_column("reason"),
    bigint_column("fee_percent"),
    bigint_column("fee_each"),
    text_column("started_by"),
    timestamp_column("started_at"),
    timestamp_column("completed_at", nullable=True),
)
