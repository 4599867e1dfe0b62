"""The table of change plans: planned, shown, and applied by hash."""

from sqlalchemy import Column, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from ticketing.platform.db.columns import (
    event_id_column,
    foreign_key_column,
    text_column,
    timestamp_column,
)
from ticketing.platform.db.tables.metadata import metadata

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
