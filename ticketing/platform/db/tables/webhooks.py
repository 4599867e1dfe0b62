"""Tables of outgoing webhooks: endpoints, and the calls that report ledger entries to them."""

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from ticketing.platform.db.columns import (
    event_id_column,
    foreign_key_column,
    holder_column,
    id_column,
    metadata,
    text_column,
    timestamp_column,
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    id_column(),
    # the signing secret is derived from it and not stored
    Column("uid", Uuid, nullable=False, unique=True, server_default=func.gen_random_uuid()),
    text_column("name"),
    text_column("url"),
    Column("kinds", ARRAY(Text), nullable=False),
    event_id_column(nullable=True),  # NULL: all events
    text_column("created_by"),
    timestamp_column("created_at"),
    timestamp_column("disabled_at", nullable=True),
    text_column("disabled_reason", ""),
    timestamp_column("removed_at", nullable=True),
    timestamp_column("failing_since", nullable=True),  # the first failure since the last success
    timestamp_column("paused_until", nullable=True),  # after a call without a response
    CheckConstraint("name <> ''", name="name"),
    CheckConstraint("cardinality(kinds) > 0", name="kinds"),
    Index(
        "uq_webhook_endpoints_name",
        "name",
        unique=True,
        postgresql_where=text("removed_at IS NULL"),
    ),
)

webhook_calls = Table(
    "webhook_calls",
    metadata,
    id_column(),
    foreign_key_column("endpoint_id", "webhook_endpoints.id"),
    foreign_key_column("entry_id", "order_ledger.id"),
    text_column("state", "waiting"),
    Column("attempt_count", Integer, nullable=False, server_default="0"),
    timestamp_column("next_attempt_at", nullable=True),
    timestamp_column("claimed_until", nullable=True),
    holder_column("claimed_by"),
    timestamp_column("last_attempt_at", nullable=True),
    Column("last_status", Integer, nullable=True),
    text_column("last_error", ""),
    text_column("response_excerpt", ""),  # the first characters of the response
    timestamp_column("completed_at", nullable=True),
    UniqueConstraint("endpoint_id", "entry_id"),
    CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
    CheckConstraint("(state = 'waiting') = (next_attempt_at IS NOT NULL)", name="next_attempt_at"),
    CheckConstraint("(state = 'waiting') = (completed_at IS NULL)", name="completed_at"),
    Index(
        "ix_webhook_calls_due",
        "next_attempt_at",
        "id",
        postgresql_where=text("state = 'waiting'"),
    ),
    # retention
    Index(
        "ix_webhook_calls_completed_at",
        "completed_at",
        postgresql_where=text("completed_at IS NOT NULL"),
    ),
)
