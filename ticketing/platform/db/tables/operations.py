"""Tables of operations: incidents, the audit log, and change plans applied by hash."""

from sqlalchemy import CheckConstraint, Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.platform.db.columns import (
    bigint_column,
    created_at_column,
    event_id_column,
    foreign_key_column,
    id_column,
    jsonb_column,
    metadata,
    text_column,
    timestamp_column,
)

incidents = Table(
    "incidents",
    metadata,
    id_column(),
    text_column("cause"),  # at most one open incident per cause
    text_column("kind"),  # run | check | webhook | channel | router | roster | document
    event_id_column(nullable=True),
    text_column("message"),
    bigint_column("occurrences"),
    text_column("last_run_id", nullable=True),
    timestamp_column("first_seen_at"),
    timestamp_column("last_seen_at"),
    timestamp_column("resolved_at", nullable=True),
    timestamp_column("notified_at", nullable=True),
    CheckConstraint(
        "kind IN ('run', 'check', 'webhook', 'channel', 'router', 'roster', 'document')",
        name="kind",
    ),
    Index(
        "uq_incidents_open_cause",
        "cause",
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
)


audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    created_at_column("at"),
    text_column("actor"),
    text_column("action"),
    event_id_column(nullable=True),
    text_column("subject", ""),
    bigint_column("items"),
    jsonb_column("details"),
    Index("ix_audit_log_event_id_id", "event_id", "id"),  # entries of an event
)


change_plans = Table(
    "change_plans",
    metadata,
    Column("hash", Text, primary_key=True),
    event_id_column(),
    foreign_key_column("order_id", "orders.id", nullable=True),  # NULL: the whole event
    Column("parameters", JSONB, nullable=False),
    text_column("created_by"),
    timestamp_column("created_at"),
)
